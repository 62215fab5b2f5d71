"""Every setting of the service. Each has a default that works on a laptop; see docs/operations.md.

Read from the environment (`BERNIE_…`) and from the arguments of the application in a Serve config.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines import registry
from pipelines.runtime.cores import usable_cores
from pipelines.settings import CHECKPOINTS, GraphSettings, PipelineSettings

_SPOKEN_PER_WRITTEN = 4
"""Longest spoken form of a text over the longest text: `1999` is spoken in 20 characters."""


class StageScale(BaseModel):
    """How one stage of one service is scaled: replicas, what each holds, and how it batches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_replicas: int = Field(1, ge=0)
    max_replicas: int = Field(1, ge=1)
    num_cpus: float = Field(0.1, ge=0)
    num_gpus: float = Field(0, ge=0)
    threads: int = Field(1, ge=0, description="torch threads of a replica; 0: see `torch_threads`")
    max_batch: int = Field(4, ge=1, description="segments in one batch")
    max_batch_length: int = Field(2_000, ge=1, description="padded length of one batch")
    spread: float = Field(1.5, ge=1, description="longest over shortest length in one batch")
    max_groups: int = Field(1, ge=1, description="batches under way, stepped in turn")
    join_every: int = Field(1, ge=1, description="steps between two admissions to a batch")
    max_waiting: int = Field(
        200, ge=1, description="segments a replica takes in before callers wait"
    )
    graphs_mb: int = Field(
        0, ge=0, description="memory of a GPU for CUDA graphs; 0: none are captured"
    )
    max_memory_mb: int = Field(
        0, ge=0, description="resident memory beyond which a replica is replaced; 0: no bound"
    )

    def torch_threads(self) -> int:
        """Threads of a replica in this process: as many as it reserves CPUs, where that is one or
        more; else all cores that it may use, which it then shares with others."""
        return self.threads or int(self.num_cpus) or usable_cores()


LIVE_SCALE = frozenset(
    {"max_batch", "max_batch_length", "spread", "max_groups", "join_every", "max_memory_mb"}
)
"""What may change in a replica that goes on running."""

AUTO, OFF = "auto", "off"

SERVICES = {"styletts2": "speech", "seedvc": "conversion", "make-an-audio": "sound_effects"}
"""The name of the setting of each service."""


class ServiceSettings(BaseModel):
    """One service: the pipeline that runs it, and how its stages are scaled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: str = AUTO
    """`auto`: the first whose weights are installed; `off`: none."""
    missing: str = ""
    """The pipeline that was requested by name, where `catalog.resolve` found no weights of it."""
    frontend: StageScale = StageScale()
    diffusion: StageScale = StageScale()
    vocoder: StageScale = StageScale()

    def stages(self) -> dict[str, StageScale]:
        """The three stages by name, in their order."""
        return {"frontend": self.frontend, "diffusion": self.diffusion, "vocoder": self.vocoder}


class QueueSettings(BaseModel):
    """The settings of the queue and the throttle: a part of `Settings`, under the same names."""

    model_config = ConfigDict(frozen=True)

    throttle_starts: int = Field(3, ge=1)
    throttle_window_seconds: float = Field(60, ge=0)
    max_pending: int = Field(10_000, ge=1)
    """Pending clips of all users together."""
    max_pending_of_user: int = Field(1_000, ge=1)
    lease_seconds: float = Field(30, gt=0)
    max_attempts: int = Field(3, ge=1)
    """Attempts at a clip that may fail."""
    max_losses: int = Field(5, ge=1)
    """Attempts at a clip that may be lost with the process that runs them."""
    retry_backoff_seconds: float = Field(2, ge=0)
    """Wait before the second attempt; doubled for each later one."""
    attempt_seconds: float = Field(3600, gt=0)
    """Longest duration of one attempt."""
    clip_seconds: float = Field(24 * 3600, gt=0)
    """A clip fails that is not done within this time of its first start."""


class Settings(BaseSettings, QueueSettings):
    model_config = SettingsConfigDict(
        env_prefix="BERNIE_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        extra="forbid",
        frozen=True,
    )

    # Where things are
    data_dir: Path = Path(".bernie")
    database_url: SecretStr = SecretStr("")
    """Empty: SQLite in `data_dir`."""
    s3_endpoint: str = ""
    """Empty: the region's own AWS endpoint."""
    s3_public_endpoint: str = ""
    """The address in presigned URLs, where clients reach the store under another one."""
    s3_bucket: str = "bernie"
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_part_bytes: int = Field(5 * 1024 * 1024, ge=5 * 1024 * 1024)
    """Size of a multipart part. S3 refuses parts under 5 MiB except the last."""
    presign_seconds: int = Field(3600, ge=1, le=7 * 24 * 3600)
    checkpoints: Path = CHECKPOINTS

    # HTTP
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    internal_host: str = ""
    """Where the processes of the system listen for each other. Empty: the address of the node, or
    loopback where the database is SQLite, whose processes are on one machine."""
    max_body_bytes: int = Field(256 * 1024, ge=1024)
    ingress_replicas: int = Field(1, ge=1)
    studio_origins: str = ""
    """Origins, with commas between, whose pages may use the object store. Empty: its own rules."""
    require_ray_token: bool = False
    """Serve only on a Ray that was started with RAY_AUTH_MODE=token."""

    # Accounts and credits
    open_sign_up: bool = True
    """Whether anybody may make an account. If not, `bernie users create` does."""
    sign_up_credits: int = Field(10_000, ge=0)
    clip_credits: int = Field(50, ge=0)
    session_seconds: int = Field(30 * 24 * 3600, ge=60)
    sign_in_attempts: int = Field(5, ge=1)
    """Failed sign-ins of one account within `sign_in_window_seconds`; of one address, ten times,
    and as many sign-ups."""
    sign_in_window_seconds: int = Field(300, ge=1)

    # Workers; see also QueueSettings
    worker_replicas: int = Field(1, ge=1)
    worker_clips: int = Field(8, ge=1)
    """Clips one worker replica runs at a time."""
    worker_bulk_clips: int = Field(16, ge=1)
    """Lines of batches that it runs besides."""
    worker_lanes: tuple[Literal["interactive", "bulk"], ...] = ("interactive", "bulk")
    """What workers take: clips for which somebody waits, lines of batches, or both."""
    poll_seconds: float = Field(0.5, gt=0)
    clip_segments: int = Field(4, ge=1)
    """Segments of one clip in the graph at a time."""
    drain_seconds: float = Field(20, ge=0)
    stall_seconds: float = Field(300, gt=0)
    """A stage is taken for stuck after this time in one step of one batch."""

    # Batches
    bulk_window: int = Field(0, ge=0, le=1_000)
    """Lines of a batch in the queue at a time; 0: four times the places of all workers."""
    bulk_buckets: tuple[str, ...] = ()
    """Buckets besides `s3_bucket` that manifests are read from and results written to."""
    max_batches_of_user: int = Field(4, ge=1)
    """Batches of one user that are not finished."""
    max_batch_lines: int = Field(1_000_000, ge=1)
    max_manifest_bytes: int = Field(256 * 1024 * 1024, ge=1, le=5 * 1024**3)
    """Largest manifest that is uploaded, packed and unpacked."""

    # Retention
    clip_keep_seconds: float = Field(0, ge=0)
    """Finished clips are deleted with their audio after this time; 0 keeps them."""
    event_keep_seconds: float = Field(30 * 24 * 3600, ge=0)
    """How long the events of ended clips are kept; 0 keeps them for ever."""

    # Recordings
    max_upload_bytes: int = Field(50 * 1024 * 1024, ge=1, le=5 * 1024**3)
    upload_keep_seconds: float = Field(7 * 24 * 3600, ge=0)
    """How long an upload is kept. A pending clip made from it keeps it longer."""
    max_uploads: int = Field(200, ge=1)
    """Uploads of one user. A deleted one counts while its URL is valid."""
    min_source_seconds: float = Field(0.2, ge=0.1)
    max_source_seconds: float = Field(300, ge=1, le=3600)
    """Longest recording to convert."""
    max_voices: int = Field(100, ge=0)
    """Voices of their own that a user may have."""

    # Clients of other services (`/v1`)
    voice_aliases: dict[str, str] = {}
    """Names of voices that such clients send, and the voices of this server that are meant, besides
    those of `voice_aliases.ALIASES`."""
    cancel_on_disconnect: bool = True
    """Whether a clip is cancelled whose caller has gone."""

    # Models
    device: str = "cpu"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    convolutions: Literal["auto", "fast", "plain"] = "auto"
    """Of the vocoders on a CPU: `fast` are compiled when first used; `plain` are torch's."""
    max_text_characters: int = Field(5_000, ge=1)
    chunk_characters: int = Field(125, ge=20, le=400)
    silence_seconds: float = Field(0.3, ge=0, le=5)
    sound_level: float = Field(-23.0, ge=-40, le=-16)
    """Level of the loudest half second of a sound effect of Foley, in dB of full scale."""
    sound_similarity: float = Field(0.0, ge=0, le=1)
    """Least similarity of a description and Foley's nearest kind of sound; what is below fails with
    the code `unknown_sound`. 0.5 refuses most descriptions of nothing that it can make."""
    max_prompt_characters: int = Field(500, ge=1)
    """Longest description of a sound effect."""

    # Services. On a CPU a vocoder computes best with all cores on one segment. Lengths are those of
    # each model: characters and tokens of speech, mel frames, columns of the latent (7.8 a second).
    speech: ServiceSettings = ServiceSettings(
        pipeline="kokoro",
        frontend=StageScale(max_batch=8),
        diffusion=StageScale(max_batch=8, max_batch_length=1_000),
        vocoder=StageScale(threads=0, max_batch=1, max_batch_length=4_000),
    )
    conversion: ServiceSettings = ServiceSettings(
        frontend=StageScale(min_replicas=0, threads=0, max_batch=1),
        diffusion=StageScale(
            min_replicas=0, threads=0, max_batch=1, max_batch_length=4_000, spread=math.inf
        ),
        vocoder=StageScale(min_replicas=0, threads=0, max_batch=1, max_batch_length=4_000),
    )
    sound_effects: ServiceSettings = ServiceSettings(
        frontend=StageScale(min_replicas=0, max_batch=8),
        diffusion=StageScale(min_replicas=0, threads=0, max_batch=4, max_batch_length=400),
        vocoder=StageScale(min_replicas=0, threads=0, max_batch=1, max_batch_length=4_000),
    )
    rest_seconds: float = Field(600, gt=0)
    """A stage with `min_replicas` 0 is at rest, without a replica, after so long without work."""

    @model_validator(mode="after")
    def _names_pipelines(self) -> Self:
        for service, setting in SERVICES.items():
            known = [AUTO, OFF, *registry.SERVICES[service]]
            if self.service(service).pipeline not in known:
                variable = f"BERNIE_{setting.upper()}__PIPELINE"
                raise ValueError(
                    f"{setting}.pipeline must be one of {', '.join(known)} ({variable})"
                )
        return self

    @model_validator(mode="after")
    def _captures_on_gpus(self) -> Self:
        for name, service in SERVICES.items():
            for stage, scale in self.service(name).stages().items():
                if scale.graphs_mb and not self._on_gpu(scale):
                    raise ValueError(
                        f"{service}.{stage}.graphs_mb: CUDA graphs need device: cuda and, for the "
                        "stage, a share of a GPU (num_gpus)"
                    )
        return self

    def _on_gpu(self, scale: StageScale) -> bool:
        """Whether a stage computes on a GPU. Ray shows none to a replica without a share of one."""
        return self.device.startswith("cuda") and scale.num_gpus > 0

    @property
    def look_seconds(self) -> float:
        """How often what one is told of is looked at all the same: a notice may be lost."""
        return 10 * self.poll_seconds

    def service(self, name: str) -> ServiceSettings:
        """The settings of a service by its name, a key of `SERVICES`."""
        found: ServiceSettings = getattr(self, SERVICES[name])
        return found

    def rest_seconds_of(self, service: str) -> float | None:
        """After how long without work stages of a service are at rest. None: no stage ever is."""
        rest = any(each.min_replicas == 0 for each in self.service(service).stages().values())
        return self.rest_seconds if rest else None

    def database(self) -> str:
        """The SQLAlchemy URL."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite:///{self.data_dir.resolve() / 'bernie.sqlite3'}"

    def pipelines(self) -> dict[str, str]:
        """The names of the pipelines by service, without services that have none; see
        `catalog.resolve`."""
        chosen = {name: self.service(name).pipeline for name in SERVICES}
        return {name: pipeline for name, pipeline in chosen.items() if pipeline not in (AUTO, OFF)}

    def pipeline(self, scale: StageScale) -> PipelineSettings:
        """The settings of the pipeline object of one stage. A replica without a share of a GPU
        computes on the CPU."""
        no_share = self.device.startswith("cuda") and not self._on_gpu(scale)
        return PipelineSettings(
            checkpoints=self.checkpoints,
            device="cpu" if no_share else self.device,
            dtype=self.dtype,
            convolutions=self.convolutions,
            graphs=GraphSettings(scale.graphs_mb, scale.max_batch, scale.max_batch_length),
            threads=scale.torch_threads(),
            chunk_characters=self.chunk_characters,
            spoken_characters=_SPOKEN_PER_WRITTEN * self.max_text_characters,
            silence_seconds=self.silence_seconds,
            sound_level=self.sound_level,
            sound_similarity=self.sound_similarity,
        )

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """These settings with others of `LIVE`, for a replica that goes on running. Raises
        ValueError for an unknown name, a value out of range, and a setting that takes new replicas.
        """
        fixed = sorted(set(changes) - LIVE)
        if fixed:
            raise ValueError(f"{', '.join(fixed)}: change this under `args`, which starts anew")
        return type(self)(**{**dict(self), **changes})


LIVE = frozenset(QueueSettings.model_fields) | {
    "clip_credits",
    "clip_keep_seconds",
    "clip_segments",
    "event_keep_seconds",
    "max_prompt_characters",
    "max_source_seconds",
    "max_text_characters",
    "max_upload_bytes",
    "max_uploads",
    "max_voices",
    "min_source_seconds",
    "open_sign_up",
    "poll_seconds",
    "presign_seconds",
    "session_seconds",
    "sign_in_attempts",
    "sign_in_window_seconds",
    "sign_up_credits",
    "upload_keep_seconds",
    "worker_clips",
}
"""The settings that may change in a running ingress and in running workers."""
