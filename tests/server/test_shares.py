"""Who gets executors, as properties."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flamepy.server.records import Need
from flamepy.server.shares import Claim, demand, grants

needs = st.builds(Need, st.integers(0, 4), st.integers(0, 4), st.integers(0, 2))
capacities = st.builds(Need, st.integers(0, 20), st.integers(0, 20), st.integers(0, 4))
claims = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), needs), max_size=6).map(
    lambda rows: [Claim(f"s{i}", priority, i, wanted, need) for i, (priority, wanted, need) in enumerate(rows)]
)


@given(claims, capacities, st.integers(0, 20))
def test_nobody_gets_more_than_wanted_and_all_together_no_more_than_there_is(claims, capacity, most):
    granted = grants(claims, capacity, most)
    used = Need()
    for claim in claims:
        assert 0 <= granted.get(claim.session, 0) <= claim.wanted
        used = used.plus(claim.need, granted.get(claim.session, 0))
    assert used.fits(capacity)
    assert sum(granted.values()) <= most


@given(claims, capacities)
def test_nothing_is_left_that_somebody_wants(claims, capacity):
    granted = grants(claims, capacity, 1000)
    room = capacity
    for claim in claims:
        room = room.plus(claim.need, -granted.get(claim.session, 0))
    for claim in claims:
        assert granted.get(claim.session, 0) == claim.wanted or not claim.need.fits(room)


@given(claims, capacities)
def test_a_higher_priority_loses_nothing_to_a_lower_one(claims, capacity):
    granted = grants(claims, capacity, 1000)
    top = [claim for claim in claims if claim.priority == 2]
    alone = grants(top, capacity, 1000)
    assert {claim.session: granted.get(claim.session, 0) for claim in top} == {
        claim.session: alone.get(claim.session, 0) for claim in top
    }


@given(st.integers(1, 6), st.integers(0, 40))
def test_equals_get_equal_parts(sessions, cpu):
    equals = [Claim(f"s{i}", 0, i, 100, Need(1, 0, 0)) for i in range(sessions)]
    granted = grants(equals, Need(cpu, 0, 0), 1000)
    parts = [granted.get(claim.session, 0) for claim in equals]
    assert max(parts) - min(parts) <= 1
    assert sum(parts) == min(cpu, 100 * sessions)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 10), st.none() | st.integers(0, 10))
def test_demand_is_between_its_bounds(pending, running, minimum, maximum):
    wanted = demand(pending, running, minimum, maximum)
    assert wanted >= 0
    if maximum is not None:
        assert wanted <= maximum
    if maximum is None or maximum >= minimum:
        assert wanted >= minimum
