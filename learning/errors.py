"""Errors of the learning side, split by who can act: a person (`UserError`) or the operator (`LearningError`).

Imports nothing from Django, so that `learning.core` may raise them.
"""

from __future__ import annotations

from typing import ClassVar

from annotation.errors import SolcommunError, UserError


class LearningError(SolcommunError):
    """Base of everything the learning side raises."""

    code: ClassVar[str] = "learning_error"


class LearningUserError(LearningError, UserError):
    """A learning error that the person who asked can act on."""

    code: ClassVar[str] = "learning_refused"


class NothingToLearn(LearningUserError):
    """The training set holds no labelled pixel, or a single class."""

    code: ClassVar[str] = "nothing_to_learn"


class InvalidTrainingTile(LearningError):
    """A training tile's arrays do not fit together or do not fit the network."""

    code: ClassVar[str] = "invalid_training_tile"


class InvalidTrainConfig(LearningUserError):
    """A training option is outside what the code can honour."""

    code: ClassVar[str] = "invalid_train_config"


class UnsupportedNetwork(LearningUserError):
    """The architecture, encoder, bands or classes asked for cannot be built."""

    code: ClassVar[str] = "unsupported_network"


class PretrainedWeightsUnavailable(LearningError):
    """Neither the operator's folder nor an installed package holds start weights that fit this encoder."""

    code: ClassVar[str] = "pretrained_weights_unavailable"


class IncompatibleInitialWeights(LearningUserError):
    """A previous model cannot start this run: its architecture differs."""

    code: ClassVar[str] = "incompatible_initial_weights"


class TrainingStopped(LearningError):
    """The run was asked to stop; its last step is in a checkpoint."""

    code: ClassVar[str] = "training_stopped"


class TrainingProcessFailed(LearningError):
    """One of the processes of a training ended without having said why."""

    code: ClassVar[str] = "training_process_failed"


class TrainingDiverged(LearningError):
    """The loss is no longer a finite number."""

    code: ClassVar[str] = "training_diverged"


class CheckpointMismatch(LearningError):
    """The checkpoint folder belongs to another training set, network or configuration."""

    code: ClassVar[str] = "checkpoint_mismatch"


class InvalidModelFile(LearningUserError):
    """A model file is not one of ours, is damaged, or asks for more than it should."""

    code: ClassVar[str] = "invalid_model_file"


class ModelCannotUseImagery(LearningUserError):
    """The imagery lacks a band, or has a data type or ground resolution the model was not trained for."""

    code: ClassVar[str] = "model_cannot_use_imagery"


class InvalidWeightsSource(LearningUserError):
    """A data file does not describe a source of published weights."""

    code: ClassVar[str] = "invalid_weights_source"
    status = 422


class UnusableWeights(LearningUserError):
    """A file of weights published elsewhere is damaged, holds more than tensors, or is of another network."""

    code: ClassVar[str] = "unusable_weights"
    status = 422


class UploadTooLarge(LearningUserError):
    """A file is larger than is taken over the network."""

    code: ClassVar[str] = "upload_too_large"
    status = 413


class ShardFailed(LearningError):
    """Rows or blocks of a map that could not be computed."""

    code = "shard_failed"


class PredictionStopped(LearningError):
    """A prediction was asked to stop; finished rows stay in its work folder."""

    code: ClassVar[str] = "prediction_stopped"


class InvalidPredictionGrid(LearningError):
    """Core, margin or tile size cannot cut the raster into windows."""

    code: ClassVar[str] = "invalid_prediction_grid"


class ModelNotPortable(LearningError):
    """A model cannot be published as files that run elsewhere: they compute something else, or cannot be made."""

    code: ClassVar[str] = "model_not_portable"


class NotProbabilities(LearningError):
    """The array does not hold class probabilities (logits passed by mistake, say)."""

    code: ClassVar[str] = "not_probabilities"


class InvalidScores(LearningError):
    """Acquisition scores, mask or options do not fit together."""

    code: ClassVar[str] = "invalid_scores"


class UnknownAcquisition(LearningUserError):
    """No acquisition function or pixel score has this name."""

    code: ClassVar[str] = "unknown_acquisition"


class NoSecondOpinion(LearningUserError):
    """A pixel score needs several opinions, and there is only one."""

    code: ClassVar[str] = "no_second_opinion"
    status = 409


class InvalidEvaluation(LearningError):
    """Truth, prediction or confusion matrices do not fit together."""

    code: ClassVar[str] = "invalid_evaluation"


class TooFewModels(LearningUserError):
    """The models so far cannot say what more labels would bring."""

    code: ClassVar[str] = "too_few_models"
    status = 409


class InvalidSample(LearningError):
    """A reference sample cannot support an area estimate."""

    code: ClassVar[str] = "invalid_sample"


class InvalidPlan(LearningUserError):
    """No sample can be drawn, or none tells what is wished for."""

    code: ClassVar[str] = "invalid_plan"
    status = 422


class PlanTooWide(InvalidPlan):
    """An area is wished for so loosely that no sample is needed."""

    code: ClassVar[str] = "plan_too_wide"


class PlanTooSmall(InvalidPlan):
    """The least of each stratum takes more places than are wished for; `details` has "least", "parts", "takes"."""

    code: ClassVar[str] = "plan_too_small"


class NoSuchPlace(LearningUserError):
    """The place of a sample is not there, or not for this person."""

    code: ClassVar[str] = "not_found"
    status = 404


class SampleClosed(LearningUserError):
    """The sample is closed: what it says is counted."""

    code: ClassVar[str] = "sample_closed"
    status = 409


class SampleOpen(LearningUserError):
    """A sample of this kind is open here, or this one cannot be closed yet."""

    code: ClassVar[str] = "sample_open"
    status = 409


class InvalidAnswer(LearningUserError):
    """What somebody says of a place cannot be used; nothing is kept of it."""

    code: ClassVar[str] = "invalid_answer"
    status = 422


class NotDisputed(LearningUserError):
    """Only a place whose answers differ is settled, and by somebody who did not answer there."""

    code: ClassVar[str] = "not_disputed"
    status = 409


# --- raised by learning.services and learning.jobs -------------------------------------------------------------


class NothingToTrain(LearningUserError):
    """The accepted labels cannot make a training set, or hold nothing that was not already learnt."""

    code: ClassVar[str] = "nothing_to_train"
    status = 409


class SuspectBatch(LearningUserError):
    """The labels accepted since the last training set look like a mistake or an attack."""

    code: ClassVar[str] = "suspect_batch"
    status = 409


class InvalidPolicy(LearningUserError):
    """A retraining policy's values cannot be used."""

    code: ClassVar[str] = "invalid_policy"
    status = 422


class TrainingSetChanged(LearningError):
    """What a frozen training set names is no longer what the database holds."""

    code: ClassVar[str] = "training_set_changed"


class HoldoutInTraining(LearningError):
    """A training set names a tile kept for evaluation; the database refuses such rows, so something went round it."""

    code = "holdout_in_training"


class NotEvaluated(LearningError):
    """A candidate has no figures to be judged by."""

    code: ClassVar[str] = "not_evaluated"


class CannotPublish(LearningUserError):
    """The gate would not promote this model against the one that is published now, or its file is gone."""

    code: ClassVar[str] = "cannot_publish"
    status = 409


class CannotJudge(LearningUserError):
    """The model was not held back, or its file is gone."""

    code: ClassVar[str] = "cannot_judge"
    status = 409


class CannotRollBack(LearningUserError):
    """The model named was never published in this campaign, is the published one, or its file is gone."""

    code: ClassVar[str] = "cannot_roll_back"
    status = 409


class CannotPublishUnjudged(LearningUserError):
    """A model that is not judged cannot be published: it can be judged, or a model is published already."""

    code: ClassVar[str] = "cannot_publish_unjudged"
    status = 409


class LicenceUnfit(LearningUserError):
    """Weights under another licence than this site's could not be released under it."""

    code: ClassVar[str] = "licence_unfit"
    status = 409


class NoPrediction(LearningUserError):
    """No map of the published model is ready."""

    code: ClassVar[str] = "no_prediction"
    status = 409


class NoPublicMap(NoPrediction):
    """A published map has no copy yet that people may see."""

    code: ClassVar[str] = "no_public_map"


class UnusableArea(LearningUserError):
    """No map can be made of an area: the imagery does not cover it."""

    code: ClassVar[str] = "unusable_area"
    status = 422


class UnusableOutline(UnusableArea):
    """The outline of an area is too fine to be followed, or meets itself on the imagery's grid."""

    code: ClassVar[str] = "unusable_outline"


class NotJudgedYet(LearningUserError):
    """A model is asked for a map before it was judged."""

    code: ClassVar[str] = "not_judged_yet"
    status = 409


class MapAlreadyThere(LearningUserError):
    """The map that is asked for was made."""

    code: ClassVar[str] = "map_already_there"
    status = 409


class NoDraft(LearningUserError):
    """No model has drawn this tile yet."""

    code: ClassVar[str] = "no_draft"
    status = 404


class NoModelYet(LearningUserError):
    """There is no drawing to judge: no model has been published."""

    code: ClassVar[str] = "no_model_yet"
    status = 409


class LeftToOthers(LearningUserError):
    """Other people judge all that this person could."""

    code: ClassVar[str] = "left_to_others"
    status = 409


class NothingDrawnSoFar(LearningUserError):
    """Many tiles in a row were passed over, since the model drew nothing there."""

    code: ClassVar[str] = "nothing_drawn_so_far"
    status = 409


class NothingToPublish(LearningUserError):
    """The campaign has no accepted label."""

    code: ClassVar[str] = "nothing_to_publish"
    status = 409


class NoNationalView(LearningUserError):
    """The campaign's classes refine no national ones, or not all of them do."""

    code: ClassVar[str] = "no_national_view"
    status = 409


class InvalidVersion(LearningUserError):
    """A release version is not MAJOR.MINOR.PATCH, or not above the last one."""

    code: ClassVar[str] = "invalid_version"
    status = 422


class VersionTaken(LearningUserError):
    """A release of this version exists or is being made: published files never change."""

    code: ClassVar[str] = "version_taken"
    status = 409


class ReleaseOnDisk(VersionTaken):
    """The files of a release of this version are there, and the database knows nothing of it."""

    code: ClassVar[str] = "release_on_disk"


class CannotDeposit(LearningUserError):
    """A release cannot be taken to an archive or catalogue as things are."""

    code: ClassVar[str] = "cannot_deposit"
    status = 409


class InvalidNotes(LearningUserError):
    """Notes of a release are too long, or hold what must not be published."""

    code: ClassVar[str] = "invalid_notes"
    status = 422


class CannotWithdraw(LearningUserError):
    """There is nothing to withdraw, it was withdrawn before, or no reason is given."""

    code: ClassVar[str] = "cannot_withdraw"
    status = 409


class ReleaseInputGone(LearningUserError):
    """A file that a release is made of is not there any more, or is another one than was frozen."""

    code: ClassVar[str] = "release_input_gone"
    status = 409


class CannotRebuild(LearningUserError):
    """A release cannot be built again: it is not published, was not frozen, or its place is taken."""

    code: ClassVar[str] = "cannot_rebuild"
    status = 409


class CannotRestore(LearningUserError):
    """A rebuilt release does not take the place of the published one: it differs, or that one is there."""

    code: ClassVar[str] = "cannot_restore"
    status = 409


class UnknownArtefact(LearningUserError):
    """Nothing that was published, and no file known here, is meant by what was asked for."""

    code: ClassVar[str] = "unknown_artefact"
    status = 404


class InvalidPolygonRule(LearningUserError):
    """A rule of minimum units for polygons is unknown, or its file does not follow the schema."""

    code: ClassVar[str] = "invalid_polygon_rule"
    status = 422


class UnusableClassMap(LearningError):
    """A raster cannot be made into polygons: not a class map, or its zones lie on another grid."""

    code: ClassVar[str] = "unusable_class_map"


class BlockFailed(LearningError):
    """A block of a map could not be made into polygons, or the process that was at it ended without a word."""

    code: ClassVar[str] = "block_failed"


class PolygonsStopped(LearningError):
    """The polygons of a map were asked to stop; finished blocks are kept."""

    code: ClassVar[str] = "polygons_stopped"


class NoClassMap(LearningUserError):
    """Polygons are asked for of a map that is not made yet."""

    code: ClassVar[str] = "no_class_map"
    status = 409


class InvalidArtificialisationRule(LearningUserError):
    """A rule of artificialisation is unknown, does not follow the schema, or does not know a code."""

    code: ClassVar[str] = "invalid_artificialisation_rule"
    status = 422


class ArtificialisationStopped(LearningError):
    """The pass over a map was asked to stop; finished blocks are kept."""

    code: ClassVar[str] = "artificialisation_stopped"


class TooManyKinds(LearningUserError):
    """A map has more combinations of cover, usage and criterion than one raster can hold."""

    code: ClassVar[str] = "too_many_kinds"
    status = 422


class NoCoverMapping(LearningUserError):
    """The campaign's classes cannot be read as land cover of the rule's nomenclature."""

    code: ClassVar[str] = "no_cover_mapping"
    status = 409
