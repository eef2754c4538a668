"""A payer's reference: short, of no name, read through a slip of the eye, and never somebody else's."""

from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_node.banking import rules
from eccoo_node.kernel.ids import read_code

SIGNS = "23456789BCDFGHJKLMNPQRSTVWXYZ"


def found_in(text: str, *references: str) -> list[str]:
    return rules.references_in(text, rules.by_shape(references))


def planted(reference: str, index: int) -> str:
    return [
        f"FASTER PAYMENT REF {reference} MRS SUNDERLAND", reference.lower(), reference.replace("-", ""),
        reference.replace("-", " "), f"REF{reference}X", " ".join(reference), f"ada/{reference.replace('-', '–')}.",
    ][index]  # fmt: skip


@settings(max_examples=60)
@given(st.integers(0, 6))
def test_a_reference_is_read_wherever_it_stands_in_what_the_bank_says(index: int) -> None:
    reference = rules.new_reference()
    assert len(reference) <= rules.LONGEST_REFERENCE
    assert set(reference) <= {*SIGNS, "-"}
    assert reference in found_in(planted(reference, index), reference)


@settings(max_examples=60)
@given(st.integers(0, 7), st.sampled_from(SIGNS))
def test_one_wrong_sign_leads_to_nobody(at: int, sign: str) -> None:
    reference = rules.new_reference()
    plain = reference.replace("-", "")
    wrong = plain[:at] + sign + plain[at + 1 :]
    found = found_in(wrong, reference)
    assert found == ([reference] if wrong == plain else [])


@settings(max_examples=60)
@given(st.integers(0, 6))
def test_two_signs_that_changed_places_lead_to_nobody(at: int) -> None:
    plain = rules.new_reference().replace("-", "")
    swapped = plain[:at] + plain[at + 1] + plain[at] + plain[at + 2 :]
    assert found_in(swapped, plain[:4] + "-" + plain[4:]) == [] or swapped == plain


def test_a_circle_or_a_stroke_is_read_as_the_sign_it_looks_like() -> None:
    for _ in range(200):
        reference = rules.new_reference()
        for slip, meant in (("O", "D"), ("0", "Q"), ("0", "D"), ("1", "L"), ("i", "L")):
            if meant in reference and reference.count(meant) <= 3:
                assert reference in found_in(reference.replace(meant, slip), reference)


def test_no_slip_makes_a_wrong_check_sign_right() -> None:
    for _ in range(100):
        reference = rules.new_reference()
        wrong = [reference[:-1] + sign for sign in SIGNS if sign != reference[-1]]
        assert [one for one in wrong if found_in(one, reference, one)] == []


def test_a_sign_that_may_be_either_of_two_is_both_and_what_does_not_check_is_none() -> None:
    known = ["DDDD-DDDD", "QQQQ-QQQQ", "K7M2-P9XD"]
    for text in ("0DDDDDDD", "K7M2P9XO", "0" * 8):
        for found in found_in(text, *known):
            assert read_code(found) == found
    assert found_in("nothing of the kind at all", *known) == []
