"""The questions and the reward of a training file, checked before any model is loaded."""

from dataclasses import dataclass, replace

from agent.policy import PolicyOptions
from evals.scoring.judge.judge import open_judge
from rl.data.questions import TrainingQuestions, find_boxes, list_measurable, open_questions
from rl.data.references import Need
from rl.grpo.config import Training
from rl.monitor.step_log import Say
from rl.rewards.aids import Aids
from rl.rewards.groups import check_needs
from rl.rewards.policy_judge import PolicyJudge
from rl.rewards.preset import Preset, load_preset


@dataclass(frozen=True)
class TrainingGoal:
    """What is asked, and what is rewarded."""

    questions: TrainingQuestions
    preset: Preset


def open_goal(training: Training, say: Say) -> TrainingGoal:
    """Opens the questions and the reward of a training file.

    Args:
        training: the training file.
        say: prints what is left out.

    Raises:
        ValueError: they can't be used, or the reward needs what can't be measured on these questions.
        PolicyError: the judge can't be had.
    """
    preset = load_preset(training.preset)
    training.check(preset)
    questions = open_questions(training.data, training.asked_questions)
    if left_out := questions.check_videos(skip=training.skip_unplayable):
        say(left_out)
    check_needs(preset, list_available(training, questions))
    aids = Aids(judge=_open_judge(training, say), boxes=find_boxes(questions))
    return TrainingGoal(questions, replace(preset, aids=aids))


def list_available(training: Training, questions: TrainingQuestions) -> set[Need]:
    """What this training can measure beside its runs."""
    judge: set[Need] = set() if training.judge is None else {"judge"}
    second_look: set[Need] = {"second look"} if training.play.verify else set()
    return list_measurable(questions) | judge | second_look


def _open_judge(training: Training, say: Say) -> PolicyJudge | None:
    if training.judge is None:
        return None
    options = PolicyOptions(max_reply_tokens=training.judge.max_reply_tokens, concurrency=training.judge.concurrency)
    return PolicyJudge(open_judge(training.judge.policy, f"transformers:{training.model}", options), say)
