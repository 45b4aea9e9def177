"""Everything that crosses the boundary between the server process and a worker process.

Structs, their codec, and what of the environment a child gets, nothing else: no I/O, no policy, no
library but msgspec. The structs are ``array_like`` (field order is the wire order; both ends are
always the same version) and tagged by class, so that one decoder reads every message of a
direction.
"""

from colonnade.messages.codec import FrameReader, encode_frame
from colonnade.messages.environment import passed_on
from colonnade.messages.failures import Failure, FailureKind
from colonnade.messages.model import LoadModel, ModelInfo, Tuning
from colonnade.messages.requests import (
    Cancel,
    Constraint,
    Decoding,
    Differences,
    GrammarSyntax,
    JsonPlace,
    JsonStart,
    PromptPart,
    Sampling,
    Submit,
    TextPart,
    Thought,
    Tier,
    TokenPart,
    ToWorker,
    Urgency,
)
from colonnade.messages.results import (
    Accepted,
    Alive,
    Alternative,
    Finish,
    FinishReason,
    FromWorker,
    LoadFailed,
    Loading,
    LogLine,
    Output,
    PromptLogprobs,
    Ready,
    Refused,
    Step,
    Stuck,
    ThreadWait,
    TokenLogprob,
)
from colonnade.messages.statistics import (
    PARTS,
    STEP_SECONDS,
    STEP_TOKENS,
    Look,
    Part,
    SlotUse,
    Statistics,
)

__all__ = [
    "PARTS",
    "STEP_SECONDS",
    "STEP_TOKENS",
    "Accepted",
    "Alive",
    "Alternative",
    "Cancel",
    "Constraint",
    "Decoding",
    "Differences",
    "Failure",
    "FailureKind",
    "Finish",
    "FinishReason",
    "FrameReader",
    "FromWorker",
    "GrammarSyntax",
    "JsonPlace",
    "JsonStart",
    "LoadFailed",
    "LoadModel",
    "Loading",
    "LogLine",
    "Look",
    "ModelInfo",
    "Output",
    "Part",
    "PromptLogprobs",
    "PromptPart",
    "Ready",
    "Refused",
    "Sampling",
    "SlotUse",
    "Statistics",
    "Step",
    "Stuck",
    "Submit",
    "TextPart",
    "Thought",
    "ThreadWait",
    "Tier",
    "ToWorker",
    "TokenLogprob",
    "TokenPart",
    "Tuning",
    "Urgency",
    "encode_frame",
    "passed_on",
]
