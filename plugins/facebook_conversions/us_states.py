"""States of the US, by name without blanks and in lower case: their two letters. Source: USPS Publication 28, appendix B."""

from __future__ import annotations

from typing import Final

_NAMES: Final = """
al alabama, ak alaska, az arizona, ar arkansas, ca california, co colorado, ct connecticut, de delaware,
dc districtofcolumbia, fl florida, ga georgia, hi hawaii, id idaho, il illinois, in indiana, ia iowa, ks kansas,
ky kentucky, la louisiana, me maine, md maryland, ma massachusetts, mi michigan, mn minnesota, ms mississippi,
mo missouri, mt montana, ne nebraska, nv nevada, nh newhampshire, nj newjersey, nm newmexico, ny newyork,
nc northcarolina, nd northdakota, oh ohio, ok oklahoma, or oregon, pa pennsylvania, pr puertorico, ri rhodeisland,
sc southcarolina, sd southdakota, tn tennessee, tx texas, ut utah, vt vermont, va virginia, wa washington,
wv westvirginia, wi wisconsin, wy wyoming
"""

US_STATES: Final = {name: code for code, name in (pair.split() for pair in _NAMES.split(","))}
