"""The gallery: what is there is not made again, failures are listed, and the page in docs is up to date."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import tutelage as tl
from tutelage.cli import exhibition as gallery
from tutelage.cli import main
from tutelage.papers import catalogue

DOCS = Path(tl.__file__).parents[2] / "docs" / "gallery"
NAME, OTHER = "couto2025/rank-maps", "couto2025/few-samples"


def test_figures_are_chosen_by_name_and_by_paper():
    assert list(gallery.chosen([])) == list(catalogue())
    assert list(gallery.chosen(["lee2021", NAME])) == [NAME, *(f for f in catalogue() if f.startswith("lee2021/"))]
    with pytest.raises(tl.ArgumentError, match="'lee2020'"):
        gallery.chosen(["lee2021", "lee2020"])


def test_a_figure_is_made_once_and_failures_are_shown(tmp_path, capsys):
    (tmp_path / gallery.picture(OTHER)).mkdir()  # so that its picture cannot be written
    command = ["gallery", NAME, OTHER, "--quick", "--out", str(tmp_path)]
    assert main(command) == 3
    first = gallery.read(tmp_path)
    assert (tmp_path / gallery.picture(NAME)).stat().st_size > 10_000
    assert first[NAME].error == ""
    assert first[NAME].summary
    assert "Error" in first[OTHER].error
    text = (tmp_path / gallery.PAGE).read_text("utf-8")
    assert f"Failed:\n\n- `{OTHER}`: {first[OTHER].error}\n" in text
    assert "Not made yet:\n\n- `goldt2019/learning-curves`\n" in text
    assert catalogue()[NAME].finding in text
    assert catalogue()[OTHER].finding not in text
    assert f"failed: {OTHER}: {first[OTHER].error}" in capsys.readouterr().out
    (tmp_path / gallery.picture(OTHER)).rmdir()
    assert main(command) == 0
    then = gallery.read(tmp_path)
    assert then[NAME] == first[NAME]
    assert then[OTHER].error == ""
    assert "1/1" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    made = gallery.Record("quick", 1.0, "2026-01-01", tl.__version__, "", {})
    answers = iter([made, KeyboardInterrupt()] * 2)

    def run(*_):
        if isinstance(answer := next(answers), BaseException):
            raise answer
        return answer

    monkeypatch.setattr(gallery, "_run", run)
    command = ["gallery", NAME, OTHER, "--quick", "--out", str(tmp_path)]
    for options, advice in (([], "the same command goes on"), (["--again"], "leave --again out to go on")):
        assert main([*command, *options]) == 130
        assert capsys.readouterr().err == f"tutelage: interrupted; 1 of 2 figures are left to make; {advice}.\n"
        assert len(gallery.read(tmp_path)) == 1


def test_what_stands():
    record = gallery.Record("full", 1.0, "2026-01-01", tl.__version__, "", {})
    assert gallery._stands(record, quick=True)
    assert gallery._stands(record, quick=False)
    assert gallery._stands(replace(record, size="quick"), quick=True)
    assert not gallery._stands(replace(record, size="quick"), quick=False)
    assert not gallery._stands(replace(record, version="0"), quick=True)
    assert not gallery._stands(replace(record, error="E"), quick=True)
    assert not gallery._stands(None, quick=True)


def test_the_page_of_the_documentation_is_that_of_the_records():
    records = gallery.read(DOCS)
    assert set(records) <= set(catalogue())
    assert (DOCS / gallery.PAGE).read_text("utf-8") == gallery.page(records)
    for name, record in records.items():
        assert record.error or (DOCS / gallery.picture(name)).is_file()
