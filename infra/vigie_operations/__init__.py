"""Operations on a deployed stack: run, resume, redrive, logs, audit, subject access, cost."""
