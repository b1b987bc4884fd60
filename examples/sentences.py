"""Three review sites, 50 labelled sentences each: do they help one another? (sparse X, tasks as an array)."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

import crosstask as ct
from crosstask.datasets import load_sentences

frame = load_sentences()
site, positive = frame["site"].to_numpy(), frame["positive"].to_numpy()
X = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit_transform(frame["text"])

splits = list(ct.TaskShuffleSplit(3, train_size=50, random_state=0).split(X, positive, task=site))
print("accuracy on the other 950 sentences of each site, mean of 3 draws")
for coupling in ["independent", "pooled", "mean_tied"]:
    found = []
    for train, test in splits:
        model = ct.MultiTaskClassifier(coupling, standardize=False).fit(X[train], positive[train], task=site[train])
        found.append(np.mean(model.predict(X[test], task=site[test]) == positive[test]))
    print(f"{coupling:12s} {np.mean(found):.3f}")
