"""How the server is doing."""

from __future__ import annotations

from pydantic import BaseModel, Field

from serve_app.http.schemas.clips import ServiceName


class QueueOut(BaseModel):
    service: ServiceName
    waiting: int = Field(description="Clips that could start and wait.", examples=[2])


class StatusOut(BaseModel):
    ready: bool = Field(description="Whether new clips can be made.")
    message: str = Field(
        description="What is missing, as `/readyz` says it; empty if nothing is.", examples=[""]
    )
    replicas: dict[str, int] = Field(
        description="Running replicas of each deployment, as far as they are known.",
        examples=[{"styletts2-diffusion": 1}],
    )
    queues: list[QueueOut]
    oldest_seconds: float = Field(
        description="How long the oldest clip waits that could start.", examples=[0.4]
    )
    running: int = Field(description="Clips that are being made.", examples=[1])
