"""Lists that name us beside others, whatever they are."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft.entra_tenant.lists import others, put_back
from connectors.microsoft.entra_tenant.who import home_domain

NAMES = st.lists(st.sampled_from(["dana", "kim", "emergency", "nora", "tariq", "All"]), unique=True)
OURS = st.frozensets(st.sampled_from(["nora", "tariq"]))


@given(NAMES, OURS)
def test_what_is_taken_out_comes_back_where_it_stood(before: list[str], ours: frozenset[str]) -> None:
    without = others(before, ours)
    assert without == [one for one in before if one not in ours]
    assert put_back(without, before, [one for one in before if one in ours]) == before


@given(NAMES, OURS, st.permutations(["nora", "tariq"]), st.lists(st.sampled_from(["eve", "max"]), unique=True))
def test_in_any_order_and_beside_what_came_since(before: list[str], ours: frozenset[str], order: list[str], since: list[str]) -> None:
    now = [*others(before, ours), *since]
    for one in order:
        if one in before and one in ours:
            now = put_back(now, before, [one])
    assert now == [*before, *since]


@given(NAMES, OURS)
def test_nobody_else_is_ever_lost(names: list[str], ours: frozenset[str]) -> None:
    conditions = {"users": {"excludeUsers": names, "includeUsers": ["All"]}, "locations": None}
    left = others(conditions, ours)
    assert left["users"]["includeUsers"] == ["All"]
    assert set(left["users"].get("excludeUsers", [])) == set(names) - ours


@given(st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True), st.from_regex(r"[a-z0-9-]{1,12}\.[a-z]{2,6}", fullmatch=True))
def test_where_a_guest_comes_from_is_read_from_its_sign_in_name(name: str, domain: str) -> None:
    assert home_domain(f"{name}_{domain}#EXT#@acme.onmicrosoft.example") == domain
    assert home_domain(f"{name}@{domain}") == ""
