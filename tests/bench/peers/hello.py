"""The smallest Flask application: what Flask and the server cost when nothing is asked of them."""

from __future__ import annotations

from flask import Flask


def hello() -> Flask:
    """Return an application that says hello."""
    app = Flask(__name__)

    @app.get("/")
    def say() -> str:
        return "hello"

    return app
