"""What holds for the figures of all papers: each says what it must show, and its quick version is a smaller one."""

from __future__ import annotations

import inspect

import pytest

from tutelage.papers import catalogue


def test_figures_are_known_by_paper_and_name():
    for name, figure in catalogue().items():
        assert figure.name == name
        paper, _, rest = name.partition("/")
        assert paper.isalnum()
        assert rest


@pytest.mark.parametrize("name", catalogue())
def test_finding_is_one_sentence_and_documented(name):
    figure = catalogue()[name]
    assert figure.finding.endswith(".")
    assert ". " not in figure.finding
    assert "et al." in figure.reference
    assert "Finding:" in (figure.experiment.__doc__ or "")


@pytest.mark.parametrize("name", catalogue())
def test_quick_parameters_are_parameters_and_differ_from_the_full_ones(name):
    figure = catalogue()[name]
    defaults = {key: one.default for key, one in inspect.signature(figure.experiment).parameters.items()}
    assert inspect.Parameter.empty not in defaults.values()
    assert figure.quick
    assert set(figure.quick) <= set(defaults)
    assert all(figure.quick[key] != defaults[key] for key in figure.quick)
