"""What rewards need beside the run: a judge, the second look, spans or boxes. Without it they do not count."""

from rl.data.references import Need

NEEDS: dict[str, Need] = {
    "reasoning_agrees": "judge",
    "cites_what_is_seen": "judge",
    "step_judged": "judge",
    "verified": "second look",
    "answer_from_evidence": "second look",
    "second_answer_right": "second look",
    "evidence_iou": "spans",
    "evidence_hit": "spans",
    "evidence_recall": "spans",
    "claims_right": "spans",
    "claims_inside": "spans",
    "claim_nearness": "spans",
    "last_window_iou": "spans",
    "best_window_f1": "spans",
    "frames_jaccard": "spans",
    "frames_found": "spans",
    "frame_hit": "spans",
    "visits_f1": "spans",
    "calls_right": "spans",
    "step_retrieval": "spans",
    "evidence_box_iou": "boxes",
}
"""Need of each reward that has one, by its name in `rl.rewards.catalogue`."""

HOW_TO_GIVE: dict[Need, str] = {
    "judge": 'is rated by a judge, and there is none: name one in the training file, [judge] policy = "http:MODEL@URL"',
    "second look": "compares with a second look at the evidence, which is not taken: write verify = true under [play]",
    "spans": "compares with the seconds of the evidence, which no question of `data` has: take data with "
    "evidence_seconds, or another preset",
    "boxes": "compares with the boxes of the evidence, which no question of `data` has: take composed videos, or a "
    "folder with known.jsonl",
}
