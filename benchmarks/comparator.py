"""The comparator: the measured endpoints as a team would write them today.

FastAPI, Pydantic and SQLAlchemy's asyncio ORM on asyncpg, each used as its documentation shows. It has no history, no
audit log and no ETags. It checks the API key and validates the body, as the service does.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import APIKeyHeader
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import JSON, DateTime, ForeignKey, TypeDecorator, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship, selectinload

SALT = os.environ["ENCRYPTION_SALT"]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Status = Literal["queued", "in_progress", "completed"]
Conclusion = Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"]
DatasetType = Literal["zarr", "kerchunk", "parquet"]


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in Python and naive UTC in the table, as SQLAlchemy's documentation of TypeDecorator shows it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UTCDateTime}


class Bakery(Base):
    __tablename__ = "bakery"

    id: Mapped[int] = mapped_column(primary_key=True)
    region: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    retired_at: Mapped[datetime | None]
    log_url: Mapped[str | None]


class Feedstock(Base):
    __tablename__ = "feedstock"

    id: Mapped[int] = mapped_column(primary_key=True)
    spec: Mapped[str]
    provider: Mapped[str]
    retired_at: Mapped[datetime | None]
    recipe_runs: Mapped[list["RecipeRun"]] = relationship(back_populates="feedstock", order_by="RecipeRun.id")


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class RecipeRun(Base):
    __tablename__ = "reciperun"

    id: Mapped[int] = mapped_column(primary_key=True)
    recipe_id: Mapped[str]
    bakery_id: Mapped[int] = mapped_column(ForeignKey("bakery.id"))
    feedstock_id: Mapped[int] = mapped_column(ForeignKey("feedstock.id"))
    head_sha: Mapped[str]
    version: Mapped[str]
    started_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    conclusion: Mapped[str | None]
    status: Mapped[str]
    is_test: Mapped[bool]
    dataset_type: Mapped[str | None]
    dataset_public_url: Mapped[str | None]
    message: Mapped[str | None]
    created_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    rerun_of: Mapped[int | None] = mapped_column(ForeignKey("reciperun.id"))
    snapshot_id: Mapped[str | None]
    external_id: Mapped[str | None]
    external_url: Mapped[str | None]
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    bakery: Mapped[Bakery] = relationship()
    feedstock: Mapped[Feedstock] = relationship(back_populates="recipe_runs")

    @property
    def time_problem(self):
        if self.completed_at and self.completed_at < self.started_at:
            return "ends_before_start"
        if max(self.started_at, self.completed_at or self.started_at) > datetime.now(UTC):
            return "in_future"
        return "too_early" if self.started_at < EARLIEST else None


class APIKey(Base):
    __tablename__ = "apikey"

    id: Mapped[int] = mapped_column(primary_key=True)
    encrypted_key: Mapped[str]
    is_active: Mapped[bool | None]


class Read(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class BakeryRead(Read):
    region: str
    name: str
    description: str
    id: int
    retired_at: datetime | None
    log_url: str | None


class FeedstockRead(Read):
    spec: str
    provider: str
    id: int
    retired_at: datetime | None


class RecipeRunRead(Read):
    recipe_id: str
    bakery_id: int
    feedstock_id: int
    head_sha: str
    version: str
    started_at: datetime
    completed_at: datetime | None
    conclusion: str | None
    status: str
    is_test: bool
    dataset_type: str | None
    dataset_public_url: str | None
    message: str | None
    id: int
    created_at: datetime | None
    updated_at: datetime | None
    rerun_of: int | None
    snapshot_id: str | None
    external_id: str | None
    external_url: str | None
    failure: dict[str, Any] | None
    time_problem: str | None


class RecipeRunDetail(RecipeRunRead):
    bakery: BakeryRead
    feedstock: FeedstockRead


class FeedstockDetail(FeedstockRead):
    recipe_runs: list[RecipeRunRead]


class Count(BaseModel):
    count: int


class RecipeRunCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    recipe_id: Name
    bakery_id: Number
    feedstock_id: Number
    head_sha: Name
    version: Annotated[str, Field(max_length=255)]
    started_at: AwareDatetime
    completed_at: AwareDatetime | None = None
    conclusion: Conclusion | None = None
    status: Status = "queued"
    is_test: bool = False
    dataset_type: DatasetType | None = None
    dataset_public_url: Annotated[str, Field(max_length=2048)] | None = None
    message: Annotated[str, Field(max_length=100_000)] | None = None
    rerun_of: Number | None = None
    snapshot_id: str | None = None
    external_id: str | None = None
    external_url: str | None = None


# As many connections as the service has, and no overflow: SQLAlchemy closes those beyond `pool_size` after each use.
engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"), pool_size=8, max_overflow=0
)
async_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with async_session() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


async def require_key(key: Annotated[str, Depends(APIKeyHeader(name="X-API-Key"))], session: Session) -> APIKey:
    digest = hashlib.sha256((SALT + key).encode()).hexdigest()
    found = await session.scalar(select(APIKey).where(APIKey.encrypted_key == digest))
    if found is None or not found.is_active:
        raise HTTPException(401, "Invalid API Key")
    return found


@app.get("/recipe_runs/", response_model=list[RecipeRunRead])
async def list_recipe_runs(
    session: Session, offset: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=0, le=1000)] = 100
) -> Any:
    return (await session.scalars(select(RecipeRun).order_by(RecipeRun.id).offset(offset).limit(limit))).all()


@app.get("/recipe_runs/{run_id}", response_model=RecipeRunDetail)
async def get_recipe_run(run_id: int, session: Session) -> Any:
    nested = [joinedload(RecipeRun.bakery), joinedload(RecipeRun.feedstock)]
    run = await session.get(RecipeRun, run_id, options=nested)
    if run is None:
        raise HTTPException(404, f"recipe run {run_id} not found")
    return run


@app.get("/feedstocks/{feedstock_id}", response_model=FeedstockDetail)
async def get_feedstock(feedstock_id: int, session: Session) -> Any:
    feedstock = await session.get(Feedstock, feedstock_id, options=[selectinload(Feedstock.recipe_runs)])
    if feedstock is None:
        raise HTTPException(404, f"feedstock {feedstock_id} not found")
    return feedstock


@app.get("/stats/recipe_runs", response_model=Count)
async def count_recipe_runs(session: Session) -> Any:
    return {"count": await session.scalar(select(func.count()).select_from(RecipeRun))}


@app.post("/recipe_runs/", response_model=RecipeRunRead, status_code=201, dependencies=[Depends(require_key)])
async def create_recipe_run(values: RecipeRunCreate, session: Session) -> Any:
    run = RecipeRun(**values.model_dump())
    session.add(run)
    await session.commit()
    return run
