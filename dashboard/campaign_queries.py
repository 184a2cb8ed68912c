"""What the pages read about campaigns and catalogues, as the role `dashboard`."""

from __future__ import annotations

from dashboard.queries import Reader, Row

EXPIRING_DAYS = 3


def list_campaigns(db: Reader) -> list[Row]:
    """Every campaign, open ones first, with its euros left, waiting for a second approval, and handed over."""
    return db.fetch(
        "SELECT c.*, budget_left(c.campaign_id) AS left_eur, coalesce(s.awaiting_eur, 0) AS awaiting_eur,"
        " coalesce(s.handed_eur, 0) AS handed_eur, coalesce(s.waiting, 0) AS waiting"
        " FROM campaigns c LEFT JOIN (SELECT campaign_id,"
        " sum(price_eur) FILTER (WHERE state = 'awaiting_second') AS awaiting_eur,"
        " sum(price_eur) FILTER (WHERE state = 'handed_over') AS handed_eur,"
        " count(*) FILTER (WHERE state IN ('open', 'awaiting_second')) AS waiting"
        " FROM proposal_states GROUP BY campaign_id) s USING (campaign_id)"
        " ORDER BY c.closed_at IS NOT NULL, c.opened_at DESC"
    )


def count_states(db: Reader, campaign: str) -> list[Row]:
    """Proposals and their price in euros, by state."""
    return db.fetch(
        "SELECT state, count(*) AS proposals, sum(price_eur) AS eur FROM proposal_states"
        " WHERE campaign_id = %(campaign)s GROUP BY state ORDER BY proposals DESC, state",
        {"campaign": campaign},
    )


def count_arms(db: Reader, campaign: str) -> list[Row]:
    """Customers of a campaign by segment at their first look, and how many of them are held out."""
    return db.fetch(
        "SELECT segment, count(*) AS customers, count(*) FILTER (WHERE held_out) AS held_out FROM campaign_members"
        " WHERE campaign_id = %(campaign)s GROUP BY segment"
        " ORDER BY array_position(ARRAY['High', 'Medium', 'Low'], segment)",
        {"campaign": campaign},
    )


def last_allocation(db: Reader, campaign: str) -> Row | None:
    """What the newest run got of the budget, and what one more euro would have brought."""
    rows = db.fetch(
        "SELECT * FROM allocations WHERE campaign_id = %(campaign)s ORDER BY allocated_at DESC LIMIT 1",
        {"campaign": campaign},
    )
    return rows[0] if rows else None


def count_verdicts(db: Reader, run_id: str) -> list[Row]:
    """Customers of a run by what the arbitration said of them."""
    return db.fetch(
        "SELECT verdict, count(*) AS customers FROM arbitrations WHERE run_id = %(run)s"
        " GROUP BY verdict ORDER BY customers DESC, verdict",
        {"run": run_id},
    )


def count_urgent(db: Reader, campaign: str) -> Row:
    """What waits for somebody: second approvals, proposals about to expire, objections, what may be handed over."""
    return db.fetch(
        "SELECT count(*) FILTER (WHERE state = 'open') AS open,"
        " count(*) FILTER (WHERE state = 'awaiting_second') AS awaiting_second,"
        " count(*) FILTER (WHERE state IN ('open', 'awaiting_second', 'approved')"
        " AND expires_at < now() + %(days)s * interval '1 day') AS expiring,"
        " count(*) FILTER (WHERE state = 'objected') AS objected,"
        " count(*) FILTER (WHERE state = 'approved') AS approved"
        " FROM proposal_states WHERE campaign_id = %(campaign)s",
        {"campaign": campaign, "days": EXPIRING_DAYS},
    )[0]


def count_decisions(db: Reader, campaign: str) -> list[Row]:
    """Decisions of a campaign by kind, and how many of them were taken in bulk."""
    return db.fetch(
        "SELECT d.decision, count(*) AS decisions, count(d.bulk_id) AS in_bulk"
        " FROM decisions d JOIN proposal_states s USING (proposal_id) WHERE s.campaign_id = %(campaign)s"
        " GROUP BY d.decision ORDER BY decisions DESC, d.decision",
        {"campaign": campaign},
    )


def list_catalogues(db: Reader) -> list[Row]:
    """Versions of the catalogue, newest first, and the open campaigns that use each."""
    return db.fetch(
        "SELECT v.version, v.sha256, v.policy, v.loaded_at,"
        " (SELECT count(*) FROM catalogue_offers o WHERE o.version = v.version) AS offers,"
        " (SELECT array_agg(campaign_id ORDER BY opened_at DESC) FROM campaigns c"
        " WHERE c.catalogue_version = v.version AND c.closed_at IS NULL) AS campaigns"
        " FROM catalogues v ORDER BY v.loaded_at DESC"
    )


def contract_in_force(db: Reader, contract: str = "") -> str:
    """The feature contract of the approved model, as TOML; of any contract when none is named. Empty: no model."""
    rows = db.fetch(
        "SELECT contract_toml FROM model_registry WHERE state = 'approved'"
        " AND (%(contract)s = '' OR contract = %(contract)s) ORDER BY approved_at DESC LIMIT 1",
        {"contract": contract},
    )
    return str(rows[0]["contract_toml"]) if rows else ""


def count_use(db: Reader, version: str) -> dict[str, Row]:
    """How often each offer was proposed and approved in the campaigns of a catalogue's version."""
    rows = db.fetch(
        "SELECT s.offer_id, count(*) AS proposed,"
        " count(*) FILTER (WHERE s.state IN ('approved', 'handed_over')) AS approved,"
        " count(*) FILTER (WHERE s.state = 'rejected') AS rejected"
        " FROM proposal_states s JOIN campaigns c USING (campaign_id)"
        " WHERE c.catalogue_version = %(version)s AND s.offer_id IS NOT NULL GROUP BY s.offer_id",
        {"version": version},
    )
    return {row["offer_id"]: row for row in rows}


def arm_outcomes(db: Reader, campaign: str) -> list[Row]:
    """What came of a campaign's customers, by segment, arm and offer."""
    return db.fetch("SELECT * FROM arm_outcomes(%(campaign)s)", {"campaign": campaign})


def offer_titles(db: Reader) -> list[Row]:
    """Codes and titles of all offers."""
    return db.fetch("SELECT offer_id, title_fr, title_en FROM offers")
