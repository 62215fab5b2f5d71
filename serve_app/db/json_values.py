"""A lookup in one bound JSON object for every row of a statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, SQLColumnExpression
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class value_of(FunctionElement[Any]):  # noqa: N801 - used like a function
    """`value_of(values, key)`: the JSON value of `key` in the JSON object `values`. Keys have
    letters and digits only."""

    type = JSON()
    inherit_cache = True

    def __init__(self, values: SQLColumnExpression[Any], key: SQLColumnExpression[str]) -> None:
        super().__init__(values, key)


@compiles(value_of, "postgresql")
def _in_postgresql(element: value_of, compiler: SQLCompiler, **options: Any) -> str:
    values, key = (compiler.process(each, **options) for each in element.clauses)
    return f"({values} -> {key})"


@compiles(value_of, "sqlite")
def _in_sqlite(element: value_of, compiler: SQLCompiler, **options: Any) -> str:
    values, key = (compiler.process(each, **options) for each in element.clauses)
    return f"json_extract({values}, '$.' || {key})"
