"""Numbers, dates and durations as French and English readers write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

_MONTHS = {
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
_THIN_SPACE = "\u202f"
_NOTHING = "–"


@dataclass(frozen=True)
class Formats:
    """How one reader writes values: language, and the time zone of the browser."""

    language: str
    zone: tzinfo = UTC

    def number(self, value: float | None, digits: int = 0) -> str:
        """`1 234,5` or `1,234.5`; a dash for nothing."""
        if value is None:
            return _NOTHING
        written = f"{value:,.{digits}f}".replace("-", "−")
        if self.language == "fr":
            written = written.replace(",", _THIN_SPACE).replace(".", ",")
        return written

    def percent(self, share: float | None, digits: int = 0) -> str:
        """A share of one: `42 %` or `42%`."""
        if share is None:
            return _NOTHING
        return self.number(share * 100, digits) + ("\u00a0%" if self.language == "fr" else "%")

    def euros(self, amount: float | None) -> str:
        """Whole euros: `1 234 €` or `€1,234`."""
        if amount is None:
            return _NOTHING
        return f"{self.number(amount)}\u00a0€" if self.language == "fr" else f"€{self.number(amount)}"

    def price(self, amount: float | None) -> str:
        """Euros with cents where there are any: `12,50 €` or `€12.50`."""
        if amount is None:
            return _NOTHING
        written = self.number(amount, 0 if round(amount * 100) % 100 == 0 else 2)
        return f"{written}\u00a0€" if self.language == "fr" else f"€{written}"

    def day(self, value: date | datetime | None) -> str:
        """`3 févr. 2026` or `3 Feb 2026`, in the reader's time zone."""
        if value is None:
            return _NOTHING
        local = value.astimezone(self.zone) if isinstance(value, datetime) else value
        first = "1er" if self.language == "fr" and local.day == 1 else str(local.day)
        return f"{first}\u00a0{_MONTHS[self.language][local.month - 1]}\u00a0{local.year}"

    def moment(self, value: datetime | None, seconds: bool = False) -> str:
        """Day and time of day, in the reader's time zone."""
        if value is None:
            return _NOTHING
        clock = value.astimezone(self.zone).strftime("%H:%M:%S" if seconds else "%H:%M")
        return f"{self.day(value)}{' à ' if self.language == 'fr' else ', '}{clock}"

    def clock(self, value: datetime) -> str:
        """Time of day to the millisecond, to order what happened within a second."""
        local = value.astimezone(self.zone)
        return f"{local:%H:%M:%S}{',' if self.language == 'fr' else '.'}{local.microsecond // 1000:03d}"

    def duration(self, seconds: float | None) -> str:
        """`0,4 s`, `1 min 14 s`, `2 h 05 min`."""
        if seconds is None:
            return _NOTHING
        if seconds < 60:
            return f"{self.number(seconds, 1 if seconds < 10 else 0)}\u00a0s"
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:
            return f"{minutes}\u00a0min {rest:02d}\u00a0s"
        if minutes < 48 * 60:
            return f"{minutes // 60}\u00a0h {minutes % 60:02d}\u00a0min"
        return f"{minutes // 1440}\u00a0{'j' if self.language == 'fr' else 'd'}"
