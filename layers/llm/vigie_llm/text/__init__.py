"""Text as the pseudonymiser and the guard both read it: folding, spelled-out characters, word lists, checksums.

The two share this and nothing else. A fault here can therefore blind both; a fault in how either uses it cannot.
"""
