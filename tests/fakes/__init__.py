"""Stand-ins as strict as what they stand for; the type checker compares them with the real interfaces."""
