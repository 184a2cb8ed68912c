"""What a campaign's records and its events must say of each other: a query for each way in which they can differ.

Each takes the campaign as `%(campaign)s` and gives (record, event): the ids of what differs, either of them null. A
record and an event belong together by id; what an event holds of the record must be what the record holds. That an
event itself was not changed is what the sealed log proves (`make verify-audit`).
"""

from __future__ import annotations

# The events of one type that name this campaign, their details as `e`.
_EVENTS = """(
    SELECT event_id, run_id, customer_id, occurred_at, seq, details AS e FROM audit_log
    WHERE event_type = '{0}' AND details ->> 'campaign' = %(campaign)s
) {1}"""
_PEOPLE = "JOIN people w ON w.person = "


def _events(event_type: str, alias: str = "l") -> str:
    return _EVENTS.format(event_type, alias)


# The campaign's own terms: the newest event that states them is the row.
_CAMPAIGN = {
    "CampaignOpenedOtherwise": f"""
        SELECT c.campaign_id, c.opened_event FROM campaigns c JOIN catalogues g ON g.version = c.catalogue_version
        LEFT JOIN {_events("CAMPAIGN_OPENED")} ON l.event_id = c.opened_event
        LEFT JOIN people w ON w.person = c.opened_by
        WHERE c.campaign_id = %(campaign)s AND (
            l.e ->> 'holdout_commitment', l.e ->> 'contract', l.e ->> 'catalogue_sha256', l.e ->> 'person_id'
        ) IS DISTINCT FROM (c.holdout_commitment, c.contract, g.sha256, w.person_id::text)""",
    "CampaignTermsDiffer": f"""
        SELECT c.campaign_id, t.event_id FROM campaigns c JOIN catalogues g ON g.version = c.catalogue_version
        LEFT JOIN LATERAL (
            SELECT * FROM {_events("CAMPAIGN_OPENED", "o")}
            UNION ALL SELECT * FROM {_events("CAMPAIGN_CHANGED", "d")} ORDER BY seq DESC LIMIT 1
        ) t ON true
        WHERE c.campaign_id = %(campaign)s AND (
            (t.e ->> 'terms_sha256', (t.e ->> 'holdout_share')::double precision)
                IS DISTINCT FROM (c.terms_sha256, c.holdout_share)
            OR encode(sha256(convert_to(campaign_terms(c, g.sha256), 'UTF8')), 'hex') <> c.terms_sha256)""",
    "CampaignClosedOtherwise": f"""
        SELECT c.campaign_id, l.event_id FROM campaigns c FULL JOIN {_events("CAMPAIGN_CLOSED")} ON true
        WHERE c.campaign_id = %(campaign)s AND (c.closed_at IS NULL) <> (l.event_id IS NULL)""",
    "CatalogueDiffers": """
        SELECT g.version, l.event_id FROM campaigns c JOIN catalogues g ON g.version = c.catalogue_version
        LEFT JOIN audit_log l ON l.event_type = 'CATALOGUE_LOADED' AND l.details ->> 'version' = g.version
        WHERE c.campaign_id = %(campaign)s AND (
            l.details ->> 'catalogue_sha256' IS DISTINCT FROM g.sha256
            OR encode(sha256(convert_to(g.content, 'UTF8')), 'hex') <> g.sha256)""",
    "HoldOutKeyDiffers": """
        SELECT c.campaign_id, c.opened_event FROM campaigns c LEFT JOIN campaign_keys k USING (campaign_id)
        WHERE c.campaign_id = %(campaign)s AND encode(sha256(k.key), 'hex') IS DISTINCT FROM c.holdout_commitment""",
    "DrawDiffers": """
        SELECT m.customer_id::text, NULL FROM campaign_members m JOIN campaign_keys k USING (campaign_id)
        LEFT JOIN LATERAL holdout_draws(k.key, m.campaign_id, ARRAY[m.customer_id]) d ON true
        WHERE m.campaign_id = %(campaign)s AND d.draw IS DISTINCT FROM m.draw""",
}
# Proposals, the bytes of their versions, and what people decided.
_REVIEW = {
    "HandedOverToHeldOut": """
        SELECT p.proposal_id::text, NULL FROM handed_over h JOIN proposals p USING (proposal_id)
        LEFT JOIN campaign_members m USING (campaign_id, customer_id)
        WHERE p.campaign_id = %(campaign)s AND m.held_out IS NOT FALSE""",
    "AllocationWithoutEvent": f"""
        SELECT a.run_id, NULL FROM allocations a
        WHERE a.campaign_id = %(campaign)s
          AND NOT EXISTS (SELECT FROM {_events("PROPOSALS_ALLOCATED")} WHERE l.run_id = a.run_id)""",
    "ProposalWithoutEvent": f"""
        SELECT p.proposal_id::text, NULL FROM proposals p
        WHERE p.campaign_id = %(campaign)s
          AND NOT EXISTS (SELECT FROM {_events("PROPOSALS_ALLOCATED")} WHERE l.run_id = p.run_id)""",
    "ProposalsMissing": f"""
        SELECT t.run_id, t.event_id::text FROM (
            SELECT run_id, min(event_id::text) AS event_id, sum((l.e ->> 'proposed')::bigint) AS told
            FROM {_events("PROPOSALS_ALLOCATED")} GROUP BY run_id
        ) t WHERE t.told > (
            SELECT count(*) FROM proposals p WHERE p.run_id = t.run_id AND p.campaign_id = %(campaign)s)""",
    "ContentDiffers": """
        SELECT p.proposal_id || '/' || v.version, NULL FROM proposals p JOIN proposal_versions v USING (proposal_id)
        WHERE p.campaign_id = %(campaign)s AND v.nonce IS NOT NULL AND v.content_sha256 IS DISTINCT FROM content_sha256(
            p.proposal_id, v.nonce, p.recipient_ref, v.offer_id, v.channel, v.price_eur, v.message)""",
    "ContentErasedWithoutWithdrawal": """
        SELECT p.proposal_id || '/' || v.version, NULL FROM proposals p JOIN proposal_versions v USING (proposal_id)
        WHERE p.campaign_id = %(campaign)s AND v.nonce IS NULL AND NOT EXISTS (
            SELECT FROM audit_log l WHERE l.customer_id = p.customer_id AND l.event_type = 'CONSENT_RECORDED'
            AND l.details ->> 'granted' = 'false')""",
    "EditToldOtherwise": f"""
        SELECT v.proposal_id || '/' || v.version, l.event_id::text FROM (
            SELECT v.proposal_id, v.version, v.content_sha256, w.person_id, p.customer_id
            FROM proposals p JOIN proposal_versions v USING (proposal_id) LEFT {_PEOPLE} v.author
            WHERE p.campaign_id = %(campaign)s AND v.version > 1
        ) v FULL JOIN {_events("PROPOSAL_EDITED")}
            ON l.e ->> 'proposal_id' = v.proposal_id::text AND (l.e ->> 'version')::integer = v.version
        WHERE (v.content_sha256, v.person_id::text, v.customer_id)
            IS DISTINCT FROM (l.e ->> 'content_sha256', l.e ->> 'person_id', l.customer_id)""",
    "DecisionToldOtherwise": f"""
        SELECT d.decision_id::text, l.event_id::text FROM (
            SELECT d.*, w.person_id, p.customer_id, p.run_id
            FROM proposals p JOIN decisions d USING (proposal_id) LEFT {_PEOPLE} d.person
            WHERE p.campaign_id = %(campaign)s
        ) d FULL JOIN {_events("PROPOSAL_DECIDED")} ON l.event_id = d.event_id
        WHERE (d.proposal_id::text, d.version, d.content_sha256, d.decision, d.person_id::text, d.bulk_id IS NOT NULL,
               d.customer_id, d.run_id)
            IS DISTINCT FROM (l.e ->> 'proposal_id', (l.e ->> 'version')::integer, l.e ->> 'content_sha256',
                              l.e ->> 'decision', l.e ->> 'person_id', (l.e ->> 'in_bulk')::boolean,
                              l.customer_id, l.run_id)""",
    "DecisionOnOtherBytes": """
        SELECT d.decision_id::text, d.event_id::text FROM proposals p JOIN decisions d USING (proposal_id)
        JOIN proposal_versions v USING (proposal_id, version)
        WHERE p.campaign_id = %(campaign)s AND v.content_sha256 <> d.content_sha256""",
}
# What left, and what was answered.
_HAND_OVER = {
    "HandOverToldOtherwise": f"""
        SELECT h.hand_over_id::text, l.event_id::text FROM (
            SELECT h.*, w.person_id, o.held, encode(sha256(convert_to(o.lines, 'UTF8')), 'hex') AS hashed
            FROM hand_overs h LEFT {_PEOPLE} h.person
            CROSS JOIN LATERAL (
                SELECT count(*) AS held, string_agg(
                    hand_over_line(p.proposal_id, p.recipient_ref, i.content_sha256), '' ORDER BY p.proposal_id
                ) AS lines
                FROM handed_over i JOIN proposals p USING (proposal_id) WHERE i.hand_over_id = h.hand_over_id
            ) o WHERE h.campaign_id = %(campaign)s
        ) h FULL JOIN {_events("HANDED_OVER")} ON l.event_id = h.event_id
        WHERE (h.hand_over_id::text, h.items, h.items_sha256, h.person_id::text)
                IS DISTINCT FROM (l.e ->> 'hand_over_id', (l.e ->> 'items')::integer, l.e ->> 'items_sha256',
                                  l.e ->> 'person_id')
           OR h.hashed IS DISTINCT FROM h.items_sha256 OR h.held <> h.items""",
    "HandedOverUnapproved": f"""
        SELECT h.proposal_id::text, NULL FROM handed_over h JOIN proposals p USING (proposal_id)
        WHERE p.campaign_id = %(campaign)s AND NOT EXISTS (
            SELECT FROM {_events("PROPOSAL_DECIDED")}
            WHERE l.e ->> 'proposal_id' = h.proposal_id::text AND l.e ->> 'content_sha256' = h.content_sha256
              AND l.e ->> 'decision' = 'approve' AND l.customer_id = p.customer_id)""",
    "HandedOverOtherBytes": """
        SELECT h.proposal_id::text, NULL FROM handed_over h JOIN proposals p USING (proposal_id)
        JOIN proposal_versions v USING (proposal_id, version)
        WHERE p.campaign_id = %(campaign)s AND v.content_sha256 <> h.content_sha256""",
    "PlantedHandedOver": """
        SELECT h.proposal_id::text, NULL FROM handed_over h JOIN proposals p USING (proposal_id)
        JOIN planted_proposals x USING (proposal_id) WHERE p.campaign_id = %(campaign)s""",
    "AnswersToldOtherwise": f"""
        SELECT coalesce(a.hand_over_id, t.hand_over_id), NULL FROM (
            SELECT o.hand_over_id::text, o.answer, count(*) AS stored
            FROM handed_over o JOIN hand_overs h USING (hand_over_id)
            WHERE h.campaign_id = %(campaign)s AND o.answer IS NOT NULL GROUP BY 1, 2
        ) a FULL JOIN (
            SELECT l.e ->> 'hand_over_id' AS hand_over_id, n.key AS answer, sum(n.value::bigint) AS told
            FROM {_events("HAND_OVER_ANSWERED")} CROSS JOIN LATERAL jsonb_each_text(l.e -> 'answers') n GROUP BY 1, 2
        ) t ON (t.hand_over_id, t.answer) = (a.hand_over_id, a.answer) WHERE a.stored IS DISTINCT FROM t.told""",
}
# What came of it, and who contested.
_AFTERWARDS = {
    "OutcomesToldOtherwise": f"""
        SELECT %(campaign)s, NULL
        WHERE (SELECT count(*) FROM outcomes WHERE campaign_id = %(campaign)s)
           <> (SELECT coalesce(sum((l.e ->> 'recorded')::bigint), 0) FROM {_events("OUTCOMES_RECORDED")})""",
    "ObjectionToldOtherwise": f"""
        SELECT j.objection_id::text, l.event_id::text FROM (
            SELECT o.*, p.customer_id, w.person_id FROM objections o JOIN proposals p USING (proposal_id)
            LEFT {_PEOPLE} o.recorded_by WHERE p.campaign_id = %(campaign)s
        ) j FULL JOIN {_events("OBJECTION_RECORDED")} ON l.event_id = j.event_id
        WHERE (j.objection_id::text, j.proposal_id::text, j.person_id::text, j.customer_id)
            IS DISTINCT FROM (l.e ->> 'objection_id', l.e ->> 'proposal_id', l.e ->> 'person_id', l.customer_id)""",
    "ObjectionAnsweredOtherwise": f"""
        SELECT j.objection_id::text, l.event_id::text FROM (
            SELECT o.*, w.person_id FROM objections o JOIN proposals p USING (proposal_id)
            LEFT {_PEOPLE} o.answered_by WHERE p.campaign_id = %(campaign)s AND o.answer IS NOT NULL
        ) j FULL JOIN {_events("OBJECTION_ANSWERED")} ON l.e ->> 'objection_id' = j.objection_id::text
        WHERE (j.answer, j.person_id::text) IS DISTINCT FROM (l.e ->> 'answer', l.e ->> 'person_id')""",
}
CHECKS: dict[str, str] = {**_CAMPAIGN, **_REVIEW, **_HAND_OVER, **_AFTERWARDS}
