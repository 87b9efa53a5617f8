from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conf.errors import LandingError, UsageError
from spark_jobs.evaluation.public_splits import TENTHS, read


def folder(path: Path, **files: str) -> Path:
    for name, text in files.items():
        (path / f"{name}.txt").write_text(text)
    return path


def test_one_listener_a_line(tmp_path: Path) -> None:
    split = read(folder(tmp_path, train="7 30 10\n9 20 10 40\n", valid="7 20\n9\n", test="9 30\n"), seed=0)
    assert (split.kind, split.users, split.items, split.weighted) == ("sets", 2, 4, False)
    assert split.folds[0].fit.user.tolist() == [0, 0, 1, 1, 1]
    assert split.folds[0].fit.item.tolist() == [2, 0, 1, 0, 3]
    assert (split.folds[0].valid.user.tolist(), split.folds[0].valid.item.tolist()) == ([0], [1])
    assert (split.test.user.tolist(), split.test.item.tolist()) == ([1], [2])


def test_one_pair_a_line_with_weights(tmp_path: Path) -> None:
    split = read(
        folder(tmp_path, train="1\t5\t3\n1\t6\t1.4e+05\n2\t5\t2\n", test="1\t7\t9\n2\t6\t1\n", valid="2 7 1\n"), seed=0
    )
    assert split.weighted
    assert split.folds[0].fit.item.tolist() == [0, 1, 0]
    assert split.folds[0].fit.weight.tolist() == [3, 140_000, 2]
    assert len(split.test) == 2


def test_pairs_of_weight_one_are_no_lists(tmp_path: Path) -> None:
    split = read(folder(tmp_path, train="1 5 1\n1 6 1\n2 5 1\n", test="1 7 1\n2 6 1\n"), seed=0)
    assert len(split.test) == 2
    assert not split.weighted


def test_without_a_validation_seeded_tenths_of_train_are_it(tmp_path: Path) -> None:
    lines = "".join(f"{user} " + " ".join(map(str, range(100))) + "\n" for user in range(20))
    here = folder(tmp_path, train=lines, test="0 100\n")
    one, again, other = read(here, 1).folds, read(here, 1).folds, read(here, 2).folds
    assert len(one) == TENTHS
    assert all(len(fold.fit) + len(fold.valid) == 2000 and 150 < len(fold.valid) < 250 for fold in one)
    pairs = [set(zip(fold.valid.user.tolist(), fold.valid.item.tolist(), strict=True)) for fold in one]
    assert len(set.union(*pairs)) == sum(map(len, pairs))  # no pair validates twice
    assert one[0].valid.item.tolist() == again[0].valid.item.tolist() != other[0].valid.item.tolist()


def test_a_long_train_validates_by_one_tenth(tmp_path: Path) -> None:
    lines = "".join(f"{user} " + " ".join(map(str, range(800))) + "\n" for user in range(200))
    (fold,) = read(folder(tmp_path, train=lines, test="0 800\n"), seed=0).folds
    assert 15_000 < len(fold.valid) < 17_000


def test_two_pairs_are_enough_to_read(tmp_path: Path) -> None:
    split = read(folder(tmp_path, train="1 5\n2 6\n", test="1 6\n"), seed=0)
    assert len(split.folds) >= 1
    assert len(split.train) == 2


def test_sequences_give_their_last_two_items(tmp_path: Path) -> None:
    split = read(folder(tmp_path, songs="1 10 11 12 13\n2 12 11 10\n3 13 10\n"), seed=0)
    assert split.kind == "sequences"
    assert (split.test.user.tolist(), split.test.item.tolist()) == ([0, 1], [3, 0])
    assert (split.folds[0].valid.user.tolist(), split.folds[0].valid.item.tolist()) == ([0, 1], [2, 1])
    assert split.folds[0].fit.item.tolist() == [0, 1, 2, 3, 0]  # the third listener is too short to be judged
    assert split.folds[0].fit.place.tolist() == [0, 1, 0, 0, 1]


def test_histories_keep_the_last_place_of_a_repeated_item(tmp_path: Path) -> None:
    split = read(folder(tmp_path, songs="1 5 6 5 7 8 9\n"), seed=0)
    log = split.histories(split.folds[0].fit)
    assert log.track_idx.tolist() == [0, 1, 2]
    assert log.plays.tolist() == [2, 1, 1]
    assert log.weight.tolist() == [2, 1, 1]
    assert log.last_day.tolist() == [2, 1, 3]
    assert log.indptr.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"train": "1 2\nx 3\n", "test": "1 3\n"}, "train.txt, line 2: 'x' is no user"),
        ({"train": "1 2\n\n2 3,4\n", "test": "1 3\n"}, "train.txt, line 3: '3,4' is no item"),
        ({"train": "1 2\n2 -3\n", "test": "1 3\n"}, "train.txt, line 2: '-3' is no item"),
        ({"train": "1 5 1\n1 6 0\n", "test": "1 7 1\n"}, "train.txt, line 2: weight '0'"),
        ({"train": "1 5 1\n1 6 nan\n", "test": "1 7 1\n"}, "train.txt, line 2: weight 'nan'"),
        ({"train": "1 5 6 7\n2 6\n1 7\n", "test": "1 8\n"}, "train.txt, line 3: user 1 stands in an earlier line"),
        ({"train": "", "test": "1 8\n"}, "train.txt, line 1: the file holds no pair"),
        ({"train": "1 99999999999\n", "test": "1 8\n"}, "train.txt, line 1"),
        ({"songs": "1 2 b\n"}, "songs.txt, line 1"),
        ({"songs": "\n"}, "songs.txt, line 1: the file holds no sequence"),
        ({"train": "1 2\n", "other": "1 3\n"}, "holds \\*.txt files other.txt, train.txt"),
        ({}, "holds \\*.txt files none"),
    ],
)
def test_another_shape_is_refused_with_its_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(LandingError, match=said):
        read(folder(tmp_path, **files), seed=0)


def test_binary_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"1 2\n\xff\xfe 3\n")
    (tmp_path / "test.txt").write_text("1 3\n")
    with pytest.raises(LandingError, match=r"train.txt, line 2: no UTF-8"):
        read(tmp_path, 0)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        read(tmp_path / "nowhere", 0)


def test_histories_frame_every_user(tmp_path: Path) -> None:
    split = read(folder(tmp_path, train="1 2\n3 4 5\n", test="2 4\n"), seed=0)
    log = split.histories(split.train)
    assert len(log) == 3
    assert np.diff(log.indptr).tolist() == [1, 0, 2]
