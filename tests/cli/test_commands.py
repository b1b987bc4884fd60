"""From a table to a model, a report and predictions, as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosstask.cli._run import run
from crosstask.persistence import describe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and what ``crosstask fit`` makes of it."""
    folder = tmp_path_factory.mktemp("fit")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "ward": np.tile(["017", "018", "NA"], 30),
            "age": rng.normal(50, 9, 90).round(1),
            "colour": np.tile(["red", "green", "blue", "", "red"], 18),
        }
    )
    frame["ill"] = np.where(frame["age"] + rng.normal(0, 6, 90) > 50, "yes", "no")
    frame.to_csv(folder / "table.csv", index=False, sep=";")
    options = ["--target", "ill", "--task", "ward", "--candidates", "linear"]
    outputs = ["--report", str(folder / "report.html"), "-o", str(folder / "model.skops")]
    assert run(["fit", str(folder / "table.csv"), *options, *outputs]) == 0
    return folder


def test_fit_writes_what_was_asked(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["model.skops", "report.html", "table.csv"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Classification of <strong>ill</strong> across 3 wards" in page
    card = describe(folder / "model.skops")
    assert card["tasks"] == ["017", "018", "NA"]
    assert card["training"]["target"]["name"] == "ill"
    assert [column["name"] for column in card["columns"]] == ["age", "colour"]


def test_fit_refuses_to_replace_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "model.skops").read_bytes()
    table = ["fit", str(folder / "table.csv"), "--target", "ill", "--task", "ward"]
    assert run([*table, "-o", str(folder / "model.skops")]) == 2
    assert "exists already: choose another name, or add --force" in capsys.readouterr().err
    assert (folder / "model.skops").read_bytes() == before


def test_predict(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "new.csv"
    rows.write_text("colour,remark,ward,age\nred,a,017,30\n,b,NA,70\npink,c,999,71\n")
    out = tmp_path / "out.csv"
    given = ["predict", str(folder / "model.skops"), str(rows), "-o", str(out)]
    assert run(given) == 0
    said = capsys.readouterr().out
    assert "1 task(s) that the model has not seen (999)" in said
    assert "Columns that the model does not use: remark." in said
    assert "3 rows predicted" in said
    answer = pd.read_csv(out, dtype={"ward": str}, keep_default_na=False)
    assert answer["ward"].tolist() == ["017", "NA", "999"]
    assert answer["task_known"].tolist() == ["yes", "yes", "no"]
    assert answer["prediction"].tolist() == ["no", "yes", "yes"]
    np.testing.assert_allclose(answer["probability_no"] + answer["probability_yes"], 1.0)
    assert run(given) == 2
    assert "exists already" in capsys.readouterr().err
    assert run([*given, "--force"]) == 0


def test_predict_to_parquet(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "out.parquet"
    assert run(["predict", str(folder / "model.skops"), str(folder / "table.csv"), "-o", str(out)]) == 0
    assert len(pd.read_parquet(out)) == 90


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ward,colour\n017,red\n", "has no column 'age' for the model"),
        ("wards,colour,age\n017,red,3\n", "has no column 'ward' for the model: did you mean 'wards'?"),
        ("ward\n017\n", "lacks 2 columns that the model was fitted with: 'age', 'colour'"),
        ("ward,age,colour\n,3,red\n", "has no value in 1 rows (first in row 1)"),
        ("ward,age,colour\n17,3,red\n", "has the id '17' (text), but the model was fitted with '017'"),
        ("ward,age,colour\n017,inf,red\n", "infinity in column 'age'"),
        ("ward,age,colour\n017,old,red\n", "'age'"),
        ("ward,age,colour\n", "no rows"),
    ],
)
def test_predict_on_bad_tables(
    text: str, said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "new.csv"
    rows.write_text(text)
    assert run(["predict", str(folder / "model.skops"), str(rows), "-o", str(tmp_path / "out.csv")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_regression_with_times_and_whole_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=40).astype(str)
    frame = pd.DataFrame({"shop": np.repeat([1, 2], 40), "day": [*days, *days], "price": rng.normal(5, 1, 80)})
    frame["sold"] = (100 - 8 * frame["price"] + rng.normal(0, 3, 80)).round(2)
    frame.to_csv(tmp_path / "sales.csv.gz", index=False)
    options = ["--target", "sold", "--task", "shop", "--time", "day", "--candidates", "linear"]
    assert run(["fit", str(tmp_path / "sales.csv.gz"), *options, "-o", str(tmp_path / "m.skops")]) == 0
    assert "Regression of 'sold', recognised from the values." in capsys.readouterr().out
    assert describe(tmp_path / "m.skops")["task_type"] == "number"
    assert (
        run(["predict", str(tmp_path / "m.skops"), str(tmp_path / "sales.csv.gz"), "-o", str(tmp_path / "o.csv")]) == 0
    )
    answer = pd.read_csv(tmp_path / "o.csv")
    assert np.corrcoef(answer["prediction"], answer["sold"])[0, 1] > 0.8


@pytest.mark.slow
def test_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.html"
    assert run(["demo", "--report", str(report)]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("cleveland", "hungarian", "switzerland", "va", "CC BY 4.0"))
    assert "Fitted on 30 patients of each hospital, drawn at random with seed 0; the other 800 test the fit." in said
    assert "On the 800 patients that neither has seen, the guarded model's mean log loss is" in said
    assert f"Report: {report}" in said.replace("\n", " ")
    page = report.read_text(encoding="utf-8")
    assert "across 4 hospitals" in page
    assert "Effects" in page
    assert "120</dd>" in page
    assert "Tested on patients that no model has seen" in page
    assert run(["demo", "--report", str(report)]) == 2


def test_the_scores_on_unseen_rows() -> None:
    """Against scikit-learn's metrics; the own model's loss against its coefficients, by hand."""
    from sklearn.metrics import log_loss, roc_auc_score

    from crosstask import CrossTaskClassifier, datasets
    from crosstask.cli._demo import score

    frame = datasets.load_heart()[["hospital", "ill", "age", "thalach"]].dropna()
    seen = frame.groupby("hospital").sample(25, random_state=1)
    unseen = frame.drop(seen.index)
    model = CrossTaskClassifier(["pooled"], task_column="hospital", random_state=0)
    model.fit(seen.drop(columns="ill"), seen["ill"])
    found = score(model, unseen, "hospital", "ill", "Drawn.")

    assert [task.name for task in found.tasks] == sorted(frame["hospital"].unique())
    assert sum(task.rows for task in found.tasks) == found.mean.rows == len(unseen)
    probability = model.predict_proba(unseen.drop(columns="ill"))[:, 1]
    for task in found.tasks:
        rows = (unseen["hospital"] == task.name).to_numpy()
        y = unseen["ill"].to_numpy()[rows]
        assert task.guarded_loss == pytest.approx(log_loss(y, probability[rows]))
        assert task.guarded_auc == pytest.approx(roc_auc_score(y, probability[rows]))
        assert task.gain == pytest.approx(1.0 - task.guarded_loss / task.own_loss)
        assert task.low <= task.gain <= task.high

    own, table = model.candidates_["own"], model.reader_.transform(unseen[["age", "thalach"]])
    effects, constants = own.estimator_.coef_, own.estimator_.intercept_
    for t, task in enumerate(found.tasks):
        rows = (unseen["hospital"] == task.name).to_numpy()
        z = own.encoder_.transform(table[rows]) @ effects[t] + constants[t]
        assert task.own_loss == pytest.approx(log_loss(unseen["ill"].to_numpy()[rows], 1.0 / (1.0 + np.exp(-z))))


def test_version_and_help() -> None:
    command = [sys.executable, "-c", "from crosstask.cli import main; main()"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("crosstask ")
    for arguments in ([], ["--help"], ["fit", "--help"], ["predict", "--help"], ["demo", "--help"]):
        shown = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
        assert "crosstask demo" in shown.stdout or "crosstask " in shown.stdout
        assert "Example" in shown.stdout
