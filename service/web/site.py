"""What every page works with: the parts, a database view that only reads, the templates and static files."""

from dataclasses import dataclass

from fastapi import FastAPI, Request
from jinja2 import Environment

from service.db.engine import Sessions
from service.settings import Settings
from service.web.assets import Assets
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Site:
    """One deployment's pages."""

    parts: Parts
    templates: Environment
    assets: Assets

    @property
    def reader(self) -> Sessions:
        """Sessions that hold no writer up: pages that only show take them."""
        return self.parts.reader

    @property
    def settings(self) -> Settings:
        """The settings of the deployment."""
        return self.parts.settings

    def path(self, path: str) -> str:
        """Return a path of the site as a browser asks for it, below the sub-path where there is one."""
        return self.settings.root_path + path

    def address(self, path: str) -> str:
        """Return the whole public address of a path, for links and QR codes."""
        return self.settings.public_url.rstrip("/") + path


def site_of(request: Request) -> Site:
    """Return the site that a request came to."""
    app: FastAPI = request.app
    site: Site = app.state.site
    return site
