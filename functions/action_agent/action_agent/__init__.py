"""The action agent: probability and analysis in, segment, offer and message out."""
