"""What `lrl verify` checks in a release, by theme: each check yields what it found wrong, a sentence each.

A check takes a `locations.Release` and looks at what was published and at what the manifest declares, never at
the inputs: whoever downloads a release can run it. Its first docstring line is its rule. Findings name rows by id
and never repeat a text.
"""
