from tests.pipelines.models.seedvc.conftest import complete

__all__ = ["complete"]
