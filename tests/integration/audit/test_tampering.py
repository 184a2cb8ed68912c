"""What a superuser does to a sealed log in PostgreSQL is found by a stranger, and what nobody did is not."""

from tests.integration.audit.audit_environment import AuditEnvironment, request
from tests.integration.audit.tampering import MUTATIONS, seal_a_log, tamper


def test_every_seeded_mutation_is_found(environment: AuditEnvironment) -> None:
    missed = [name for name, found in tamper(environment, 5 * len(MUTATIONS), seed=7) if not found]
    assert missed == []


def test_an_untouched_log_and_one_that_grew_are_valid(environment: AuditEnvironment) -> None:
    size = seal_a_log(environment)
    assert environment.verify().valid
    environment.write(3)
    assert environment.verify().sealed == size
    environment.sealer().seal(request())
    verdict = environment.verify()
    assert verdict.valid
    assert verdict.sealed > size
