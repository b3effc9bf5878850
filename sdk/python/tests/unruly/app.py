"""Does what `mode` in its configuration says; the host's tests know what must come of it."""

import random
import sys
import time
import datetime

from phagen_sdk import Context, Failure, Reranker, log


class Unruly(Reranker):
    def init(self, context: Context) -> None:
        self.mode = context.config("mode", "ok")
        self.context = context
        if self.mode == "init":
            raise Failure.invalid_config("`mode` is `init`")

    def feature_names(self):
        return ["length"]

    def features(self, query, candidates):
        return [[float(len(candidate.evidence.title))] for candidate in candidates]

    def score(self, query, candidates, features):
        return getattr(self, self.mode)([row[0] for row in features])

    def ok(self, scores):
        return scores

    def raises(self, scores):
        return [scores[len(scores)]]

    def fails(self, scores):
        raise Failure.unavailable("the weights are on their way", 250)

    def unheard(self, scores):
        raise Failure("teapot", "not a code of the contract")

    def exits(self, scores):
        sys.exit("enough")

    def loops(self, scores):
        while True:
            pass

    def recurses(self, scores):
        return self.recurses(scores)

    def hoards(self, scores):
        hoard = []
        while True:
            hoard.append(bytearray(1 << 20))

    def short(self, scores):
        return scores[1:]

    def nan(self, scores):
        return [float("nan")] * len(scores)

    def text(self, scores):
        return ["high"] * len(scores)

    def prints(self, scores):
        print("printed\nin two lines")
        print("complained", file=sys.stderr)
        log.info("logged", mode=self.mode)
        return scores

    def clock(self, scores):
        return [time.time()] * len(scores)

    def now(self, scores):
        return [float(datetime.datetime.now().year)] * len(scores)

    def chance(self, scores):
        return [random.random() for _ in scores]

    def files(self, scores):
        with open("/etc/hostname", encoding="utf-8") as file:
            return [float(len(file.read()))] * len(scores)

    def late(self, scores):
        import csv

        return [float(len(csv.__name__))] * len(scores)

    def artifact(self, scores):
        return [float(len(self.context.read_artifact()))] * len(scores)
