"""Three real tables with a task column, shipped with the package (CC BY 4.0, see data/LICENSES.md)."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd


def load_heart() -> pd.DataFrame:
    """Heart disease in four hospitals: 920 patients, one task a hospital.

    Returns
    -------
    DataFrame of shape (920, 15)
        ``hospital`` (cleveland 303 rows, hungarian 294, switzerland 123, va 200), 13 features, and ``ill``
        (1 = a coronary artery narrowed by half or more). ``attrs`` names the columns: ``target``, ``task``,
        ``time`` and, under ``source``, whom to cite.

    Notes
    -----
    Gaps are NaN, and the table is left as it was published: 0 in ``chol`` (all of Switzerland) and in
    ``trestbps`` stands for "not measured". The hospitals differ much in how many patients are ill
    (46, 36, 93 and 74.5 %), and little in what makes a patient ill. Switzerland has 8 healthy patients.

    The features are ``age`` (years), ``sex`` (1 = male), ``cp`` (type of chest pain, 1 to 4), ``trestbps``
    (resting blood pressure, mm Hg), ``chol`` (mg/dl), ``fbs`` (fasting blood sugar above 120 mg/dl),
    ``restecg`` (0 to 2), ``thalach`` (highest heart rate reached), ``exang`` (angina under exercise),
    ``oldpeak`` and ``slope`` (ST segment under exercise), ``ca`` (vessels coloured by fluoroscopy, 0 to 3) and
    ``thal`` (3, 6 or 7).

    References
    ----------
    A. Janosi, W. Steinbrunn, M. Pfisterer, R. Detrano (1989). Heart Disease. UCI Machine Learning Repository,
    doi:10.24432/C52P4X, licensed under CC BY 4.0.

    R. Detrano et al. (1989). International application of a new probability algorithm for the diagnosis of
    coronary artery disease. American Journal of Cardiology 64, 304-310.

    Examples
    --------
    >>> from crosstask.datasets import load_heart
    >>> df = load_heart()
    >>> df.groupby("hospital")["ill"].mean().round(3).to_dict()
    {'cleveland': 0.459, 'hungarian': 0.361, 'switzerland': 0.935, 'va': 0.745}
    """
    frame = _read("heart").rename(columns={"site": "hospital"})
    frame["ill"] = (frame.pop("num") > 0).astype("int64")
    frame.insert(0, "hospital", frame.pop("hospital"))
    return _labelled(frame, "ill", "hospital", None, "UCI Heart Disease, doi:10.24432/C52P4X, CC BY 4.0")


def load_parkinsons(target: Literal["motor_UPDRS", "total_UPDRS"] = "motor_UPDRS") -> pd.DataFrame:
    """Parkinson's disease followed by telephone: 5875 recordings of 42 patients, one task a patient.

    Parameters
    ----------
    target : {"motor_UPDRS", "total_UPDRS"}, default="motor_UPDRS"
        The score to keep; the other one, which would give the answer away, is left out.

    Returns
    -------
    DataFrame of shape (5875, 21)
        ``patient`` (1 to 42, each with 101 to 168 rows), ``age`` (years), ``sex`` (1 = female), ``test_time``
        (days since recruitment), 16 measures of the voice, and the target (points on the UPDRS scale). ``attrs``
        names the columns: ``target``, ``task``, ``time`` and, under ``source``, whom to cite.

    Raises
    ------
    ValueError
        If the target is not one of the two.

    Notes
    -----
    The scores were taken about three times a patient and interpolated linearly in between. Random folds
    therefore flatter every method: a held-out row lies on the line through its neighbours. Hold out the later
    rows (``time_column="test_time"``) to see what a forecast is worth.

    References
    ----------
    A. Tsanas, M. Little (2009). Parkinsons Telemonitoring. UCI Machine Learning Repository,
    doi:10.24432/C5ZS3N, licensed under CC BY 4.0.

    A. Tsanas, M. A. Little, P. E. McSharry, L. O. Ramig (2010). Accurate telemonitoring of Parkinson's disease
    progression by noninvasive speech tests. IEEE Transactions on Biomedical Engineering 57, 884-893.

    Examples
    --------
    >>> from crosstask.datasets import load_parkinsons
    >>> df = load_parkinsons()
    >>> df.shape, df["patient"].nunique()
    ((5875, 21), 42)
    """
    scores = ("motor_UPDRS", "total_UPDRS")
    if target not in scores:
        raise ValueError(f"target={target!r} is not a score of this table: use 'motor_UPDRS' or 'total_UPDRS'.")
    frame = _read("parkinsons").rename(columns={"subject#": "patient"})
    frame = frame.drop(columns=[name for name in scores if name != target])
    frame[target] = frame.pop(target)
    source = "UCI Parkinsons Telemonitoring, doi:10.24432/C5ZS3N, CC BY 4.0"
    return _labelled(frame, target, "patient", "test_time", source)


def load_sentences() -> pd.DataFrame:
    """Sentences from reviews at three sites, 1000 each, half of them positive: one task a site.

    Returns
    -------
    DataFrame of shape (3000, 3)
        ``site`` (amazon, imdb, yelp), ``text`` and ``positive`` (1 or 0). ``attrs`` names the columns:
        ``target``, ``task``, ``time`` and, under ``source``, whom to cite.

    References
    ----------
    D. Kotzias (2015). Sentiment Labelled Sentences. UCI Machine Learning Repository, doi:10.24432/C57604,
    licensed under CC BY 4.0.

    D. Kotzias, M. Denil, N. de Freitas, P. Smyth (2015). From group to individual labels using deep features.
    Proceedings of the 21st ACM SIGKDD Conference, 597-606.

    Examples
    --------
    >>> from crosstask.datasets import load_sentences
    >>> load_sentences().groupby("site")["positive"].mean().to_dict()
    {'amazon': 0.5, 'imdb': 0.5, 'yelp': 0.5}
    """
    source = "UCI Sentiment Labelled Sentences, doi:10.24432/C57604, CC BY 4.0"
    return _labelled(_read("sentences"), "positive", "site", None, source)


def _read(name: str) -> pd.DataFrame:
    import pandas as pd

    with as_file(files("crosstask.datasets") / "data" / f"{name}.csv.gz") as path:
        return pd.read_csv(path)


def _labelled(frame: pd.DataFrame, target: str, task: str, time: str | None, source: str) -> pd.DataFrame:
    frame.attrs.update(target=target, task=task, time=time, source=source)
    return frame
