"""HTTP: what other machines and people reach through the network. The map:

app        create_app(parts): the site, its middleware and every page module; refuses a route without access rule
site       Site: the parts, a read-only view of the database and the templates; `site_of(request)`
access     who may: `public()`, `signed_in()`, `require(Role.CLERK, …)`; `person_of(request)`; scope of a path
csrf       the token of a session or of a visitor, checked for everything that is not a GET
cookies    the three cookies (session, device, visitor) and how they are set
pages/     one module per group of pages, each with its router `pages`; app.ROUTERS names them all
render     `render(request, "name.html", …)`: Jinja2, autoescaped, base.html is the frame of every page
assets     static files under hashed names, vendor/ among them (copied by scripts/setup.sh, never committed)
headers    CSP and the like on every answer; how large a request may be
problems   errors as Chinese pages, or as RFC 9457 problems with stable codes under /api
logins/    ways to sign in: local (password and TOTP), oidc; another one is one file
door       the public pages, an application of its own (door_checks, door_state; conclusions: what can still be printed)
witness, ocsp  two small applications of their own

What is decided about people and what they may do stands in workflows/access; the web layer asks and shows.
"""
