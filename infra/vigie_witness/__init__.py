"""A witness of transparency logs (C2SP tlog-witness): it cosigns what only grows, and remembers what it cosigned."""
