"""What goes out to the crowd: a table of tasks, and one module a platform that gives the bytes it imports.

A writer takes `pages.Page` (what is shown and asked, in which words) and a table of tasks (`suites.TASKS`), and
returns the files as names and bytes. Beside it stands `export`, which writes what the platform would send back
for a table of responses (`simulation.RESPONSES`): a simulated campaign comes in through the same readers as a
real one. The same input gives the same bytes.
"""
