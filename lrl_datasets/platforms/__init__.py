"""Crowd platforms over the network: one client a platform, of its HTTP interface.

What goes out is written by `crowd.tasks`, what comes back is read by `sources`; a client only carries bytes.
"""
