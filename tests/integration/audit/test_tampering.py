"""What a superuser does to a sealed log in PostgreSQL is found by a stranger, and what nobody did is not."""

from tests.integration.audit.ground import Ground, request
from tests.integration.audit.tampering import MUTATIONS, seal_a_log, tamper


def test_every_seeded_mutation_is_found(ground: Ground) -> None:
    missed = [name for name, found in tamper(ground, 5 * len(MUTATIONS), seed=7) if not found]
    assert missed == []


def test_an_untouched_log_and_one_that_grew_are_valid(ground: Ground) -> None:
    size = seal_a_log(ground)
    assert ground.verify().valid
    ground.write(3)
    assert ground.verify().sealed == size
    ground.sealer().seal(request())
    verdict = ground.verify()
    assert verdict.valid
    assert verdict.sealed > size
