"""The glass-box scorer: readable tables, exact contributions, NumPy alone."""

from vigie_scoring.errors import ScorerError, ScorerHashError
from vigie_scoring.scorer import Scorer, Scores, load_verified
from vigie_scoring.terms import Term
from vigie_scoring.words import explain

__all__ = ["Scorer", "ScorerError", "ScorerHashError", "Scores", "Term", "explain", "load_verified"]
