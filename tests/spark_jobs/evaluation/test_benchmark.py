from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_jobs.cli.main import main
from spark_jobs.evaluation import benchmark, search_spaces
from spark_jobs.evaluation.benchmark import Contest, measure
from spark_jobs.evaluation.public_splits import Split, read


def two_tastes(folder: Path, seed: int = 0) -> Path:
    """Even users like even items, odd ones odd items: 40 x 40, a tenth of each taste withheld."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for user in range(40):
        liked = rng.permutation(np.arange(user % 2, 40, 2))
        train.append(f"{user} " + " ".join(map(str, liked[:14])))
        test.append(f"{user} " + " ".join(map(str, liked[14:])))
    (folder / "train.txt").write_text("\n".join(train))
    (folder / "test.txt").write_text("\n".join(test))
    return folder


@pytest.fixture
def split(tmp_path: Path) -> Split:
    return read(two_tastes(tmp_path), seed=0)


def test_metrics_equal_ranx(split: Split) -> None:
    ranx = pytest.importorskip("ranx")
    contest = Contest(split, 0)
    rng = np.random.default_rng(3)
    users = np.unique(split.test.user)
    lists = np.argsort(rng.random((len(users), split.items)), axis=1)[:, :20].astype(np.int32)
    recall, ndcg = contest.judge(lists, users, split.test)
    truth: dict[str, dict[str, int]] = {}
    for user, item in zip(split.test.user.tolist(), split.test.item.tolist(), strict=True):
        truth.setdefault(str(user), {})[str(item)] = 1
    run = {
        str(u): {str(i): 1.0 - at / 100 for at, i in enumerate(row)}
        for u, row in zip(users.tolist(), lists.tolist(), strict=True)
    }
    expected = ranx.evaluate(ranx.Qrels(truth), ranx.Run(run), ["recall@20", "ndcg@20"])
    assert recall.mean() == pytest.approx(expected["recall@20"], abs=1e-9)
    assert ndcg.mean() == pytest.approx(expected["ndcg@20"], abs=1e-9)


def test_a_source_that_knows_taste_finds_all_of_it(split: Split) -> None:
    rows = measure(split, ["popularity", "item_knn", "blend"], trials=0, seed=0, tell=lambda _: None)
    found = {row["source"]: row for row in rows}
    assert list(found) == ["popularity", "item_knn", "blend"]
    assert found["item_knn"]["recall@20"] == found["blend"]["recall@20"] == pytest.approx(1.0)
    assert found["popularity"]["recall@20"] < 0.8
    assert set(found["blend"]["params"]) == {"popularity", "item_knn"}
    low, high = found["popularity"]["recall@20_interval"]
    assert low < found["popularity"]["recall@20"] < high


def test_the_test_part_reaches_no_choice(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other test pairs change neither the settings nor the weights."""
    other = replace(split, test=split.folds[0].valid)
    params = [
        [row["params"] for row in measure(s, ["item_knn", "popularity", "blend"], trials=3, seed=1, tell=lambda _: None)]
        for s in (split, other)
    ]
    assert params[0] == params[1]


def test_seen_items_are_masked(split: Split) -> None:
    contest = Contest(split, 0)
    users = np.unique(split.test.user)
    source = search_spaces.CONTESTANTS["popularity"].source.fit(
        contest.whole, contest.catalogue, search_spaces.CONTESTANTS["popularity"].params
    )
    lists = contest.ask(source, contest.whole, users, 20)
    for row, user in enumerate(users):
        seen = contest.whole.track_idx[contest.whole.indptr[user] : contest.whole.indptr[user + 1]]
        assert not set(lists.ids[row].tolist()) & set(seen.tolist())


def test_a_source_that_fails_leaves_the_blend_and_is_reported(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    from conf.errors import ContractError

    def broken(*_: Any) -> Any:
        raise ContractError("it broke")

    fitted = benchmark._fitted
    monkeypatch.setattr(
        benchmark, "_fitted", lambda c, name, *rest: broken() if name == "popularity" else fitted(c, name, *rest)
    )
    rows = measure(split, ["popularity", "item_knn", "blend"], trials=0, seed=0, tell=lambda _: None)
    assert rows[0] == {"source": "popularity", "error": "it broke"}
    assert list(rows[2]["params"]) == ["item_knn"]


def test_the_command_prints_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        [
            "benchmark",
            str(two_tastes(tmp_path)),
            "--sources",
            "popularity,item_knn,blend",
            "--tune",
            "2",
            "--seed",
            "4",
            "--json",
        ]
    )
    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["dataset"] == tmp_path.name
    for row in document["rows"]:
        assert {"source", "recall@20", "ndcg@20", "params", "cpu_s", "peak_mb"} <= row.keys()


def test_sequences_are_judged_at_ten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{u} " + " ".join(str((s + i) % 30) for i in range(8)) for u, s in enumerate(rng.integers(0, 30, 60))]
    (tmp_path / "songs.txt").write_text("\n".join(lines))
    assert main(["benchmark", str(tmp_path), "--sources", "popularity,item_knn", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {"hr@10", "ndcg@10"} <= rows[0].keys()
    assert rows[1]["hr@10"] > 2 * rows[0]["hr@10"]


def test_next_to_nothing_is_measured_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hardly a pair is left to validate: weights come out whatever the draw."""
    (tmp_path / "train.txt").write_text("1 5\n2 6\n")
    (tmp_path / "test.txt").write_text("1 6\n")
    assert main(["benchmark", str(tmp_path), "--sources", "popularity,item_knn,blend", "--tune", "2", "--json"]) == 0
    rows = {row["source"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["popularity"]["recall@20"] == 1.0
    assert sum(rows["blend"]["params"].values()) == pytest.approx(1.0)


def test_a_wrong_line_ends_with_65_and_a_wrong_source_with_64(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = two_tastes(tmp_path)
    assert main(["benchmark", str(here), "--sources", "nothing"]) == 64
    assert "choose among popularity" in capsys.readouterr().err
    (here / "train.txt").write_text("1 2\n1 two\n")
    assert main(["benchmark", str(here)]) == 65
    assert "line 2" in capsys.readouterr().err
