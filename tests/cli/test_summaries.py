"""summarize at each site, fit --statistics at the centre, predict on the rows."""

import numpy as np
import pandas as pd
import pytest

from crosstask.cli._run import run

pytest.importorskip("pyarrow", reason="pyarrow (the extra big) is not installed")


@pytest.fixture
def sites(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(600, 3)), columns=["age", "dose", "weight"])
    frame["hospital"] = np.repeat(["01", "02", "03"], 200)
    frame["cost"] = frame["age"] + 0.5 * frame["dose"] + 0.1 * rng.normal(size=600)
    for k, part in frame.groupby("hospital"):
        part.to_csv(tmp_path / f"{k}.csv", index=False)
    return frame


def summarize(folder, name, *options):
    given = ["--target", "cost", "--task", "hospital", "-o", str(folder / f"{name}.stats")]
    return run(["summarize", str(folder / f"{name}.csv"), *given, *options])


def test_from_tables_to_predictions_without_the_rows(sites, tmp_path, capsys):
    files = [str(tmp_path / f"0{k}.stats") for k in (1, 2, 3)]
    assert [summarize(tmp_path, f"0{k}") for k in (1, 2, 3)] == [0, 0, 0]
    assert "200 rows of 1 tasks" in capsys.readouterr().out
    assert run(["fit", "--statistics", *files, "-o", str(tmp_path / "model.skops")]) == 0
    said = capsys.readouterr().out
    assert "3 files: TaskStatistics: 600 rows of 3 tasks" in " ".join(said.split())
    assert said.count("chosen") == 1 + said.count("features chosen")
    predicted = tmp_path / "out.csv"
    assert run(["predict", str(tmp_path / "model.skops"), str(tmp_path / "02.csv"), "-o", str(predicted)]) == 0
    result = pd.read_csv(predicted)
    assert np.corrcoef(result["prediction"], result["cost"])[0, 1] > 0.98
    assert not list(tmp_path.glob("*.part"))


def refused(arguments, capsys):
    capsys.readouterr()
    assert run([str(one) for one in arguments]) == 2
    said = capsys.readouterr().err
    assert said.rstrip().splitlines()[-1].startswith("crosstask: ")
    assert "Traceback" not in said
    return said


def test_mistakes_end_in_one_line(sites, tmp_path, capsys):
    good = tmp_path / "01.stats"
    assert summarize(tmp_path, "01") == 0
    table = [tmp_path / "02.csv", "--target", "cost", "--task", "hospital", "-o"]
    assert "exists already" in refused(["summarize", *table, good], capsys)
    small = refused(["summarize", *table, tmp_path / "a.stats", "--min-rows", "500"], capsys)
    assert "too few rows to be written" in small
    assert not (tmp_path / "a.stats").exists()
    assert "has no column 'price'" in refused(
        ["summarize", tmp_path / "02.csv", "--target", "price", "--task", "hospital", "-o", tmp_path / "a"], capsys
    )
    assert "there is no file" in refused(["fit", "--statistics", tmp_path / "none.stats"], capsys)
    assert "damaged, or no file of statistics" in refused(["fit", "--statistics", tmp_path / "01.csv"], capsys)
    assert "--target does not go with --statistics" in refused(["fit", "--statistics", good, "--target", "y"], capsys)
    assert "add --statistics" in refused(["fit", good, good, "--target", "y", "--task", "t"], capsys)
    assert "Missing option '--task'" in refused(["fit", tmp_path / "01.csv", "--target", "y"], capsys)
    assert run(["summarize", *map(str, table), str(tmp_path / "two.stats"), "--folds", "3"]) == 0
    assert "differ in folds (5 and 3)" in refused(["fit", "--statistics", good, tmp_path / "two.stats"], capsys)


def test_a_table_by_batches_from_fit_to_predictions(sites, tmp_path, capsys):
    table = sites.assign(ward=np.where(sites["age"] > 0, "east", "west"), ill=sites["cost"] > 0)
    table.loc[::7, "dose"] = np.nan
    table.to_parquet(tmp_path / "all.parquet")
    table.to_csv(tmp_path / "all.csv", index=False)
    for name, target, words in (("all.parquet", "ill", "log loss"), ("all.csv", "cost", "mean squared error")):
        model, predicted = tmp_path / f"{target}.skops", tmp_path / f"{target}.csv"
        given = [str(tmp_path / name), "--target", target, "--task", "hospital", "--batches", "-o", str(model)]
        assert run(["fit", *given]) == 0
        said = capsys.readouterr().out
        assert words in said
        assert said.index("Memory: 4 batches") < said.index("3 tasks x") < said.index(words)
        assert run(["predict", str(model), str(tmp_path / name), "-o", str(predicted)]) == 0
        assert len(pd.read_csv(predicted)) == 600
        capsys.readouterr()
        assert "exists already" in refused(["fit", *given], capsys)
        assert "--batches needs -o" in refused(["fit", *given[:-2]], capsys)
        assert "--report does not go with --batches" in refused(["fit", *given, "--report", "r.html"], capsys)
    assert "--feature goes with --batches" in refused(["fit", *given[:-3], "--feature", "age"], capsys)
    assert not list(tmp_path.glob("*.part"))


def test_two_numbers_and_gaps_are_two_classes(sites, tmp_path, capsys):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    ill = np.where(np.arange(len(sites)) % 9 == 0, np.nan, (sites["cost"] > 0).astype(float))
    columns = {"age": sites["age"].to_numpy(), "hospital": sites["hospital"].tolist()}
    pq.write_table(pa.table({**columns, "ill": pa.array(ill, from_pandas=False)}), tmp_path / "holed.parquet")
    given = [str(tmp_path / "holed.parquet"), "--target", "ill", "--task", "hospital", "--batches"]
    assert run(["fit", *given, "-o", str(tmp_path / "ill.skops")]) == 0
    assert "ill is read as its two classes" in capsys.readouterr().out
