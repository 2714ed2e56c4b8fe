"""A Hugging Face hub of one's own on this machine, for tests: the API, the files, and a second server as its CDN.

What it answers follows huggingface_hub's documentation and source (file_download.py, hf_api.py): the API lists files
with their hashes; git files are served after a relative redirect, with the git object id as ETag; large files are a
redirect to another origin, with X-Linked-Etag and X-Linked-Size beside it. Faults are queued by a test and used up
one a request.
"""
import hashlib
import http.server
import json
import ssl
import threading
import urllib.parse


def git_oid(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class File:
    """One file of a repository; `lfs` ones lie in large-file storage."""

    def __init__(self, content, lfs=False):
        self.content = content
        self.lfs = lfs
        self.etag = sha256(content) if lfs else git_oid(content)


class Fault:
    """What happens to the next request whose path holds `where`; `method` and `side` narrow it."""

    def __init__(self, where, side="hub", method=None, **what):
        self.where, self.side, self.method, self.what = where, side, method, what


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer()

    do_HEAD = do_GET

    @property
    def hub(self):
        return self.server.hub

    def answer(self):
        side = self.server.side
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        with self.hub.lock:
            self.hub.log.append((side, self.command, self.path, dict(self.headers.items())))
            fault = self.hub.take_fault(side, self.command, path)
        try:
            if fault is None or not self.refuse(fault):
                (self.answer_hub if side == "hub" else self.answer_cdn)(path, fault or {})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def refuse(self, fault):
        """The faults that stand for the whole answer."""
        if "status" in fault:
            self.reply(fault["status"], b"fault\n", fault.get("headers", {}))
            return True
        if fault.get("hang_up"):
            self.close_connection = True
            self.connection.close()
            return True
        return False

    def reply(self, status, body=b"", headers=None, fault=None):
        headers = dict(headers or {})
        fault = fault or {}
        self.send_response(status)
        if fault.get("no_length"):
            headers["Connection"] = "close"
            self.close_connection = True
        else:
            headers.setdefault("Content-Length", str(len(body)))
        headers.update(fault.get("replace_headers", {}))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if "flip" in fault and body:
            at = fault["flip"] % len(body)
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        if "cut" in fault:
            self.wfile.write(body[:fault["cut"]])
            self.wfile.flush()
            if "stall" in fault:
                fault["stall"].wait(60)
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(body)

    def answer_hub(self, path, fault):
        # Of the path as it is written: a revision's own slashes are escaped.
        parts = [urllib.parse.unquote(part) for part in urllib.parse.urlsplit(self.path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            self.answer_api("/".join(parts[2:4]), "/".join(parts[5:]), fault)
        elif parts[:2] == ["api", "resolve-cache"]:
            self.answer_git_file("/".join(parts[3:5]), parts[5], "/".join(parts[6:]), fault)
        elif len(parts) > 4 and parts[2] == "resolve":
            self.answer_resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]), fault)
        else:
            self.reply(404)

    def may_read(self, repo):
        """As the hub: an unknown repository and a private one look the same from outside."""
        token = self.hub.tokens.get(repo)
        given = self.headers.get("Authorization")
        if repo not in self.hub.repos or (token and given != f"Bearer {token}" and repo not in self.hub.gated):
            self.reply(401, headers={"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
            return False
        return True

    def may_download(self, repo):
        token = self.hub.tokens.get(repo)
        given = self.headers.get("Authorization")
        if repo in self.hub.gated and given != f"Bearer {token}":
            self.reply(403 if given else 401, headers={
                "X-Error-Code": "GatedRepo",
                "X-Error-Message": f"Access to model {repo} is restricted."})
            return False
        return self.may_read(repo)

    def answer_api(self, repo, revision, fault):
        if not self.may_read(repo):
            return
        commit = self.hub.commit_of(repo, revision)
        if commit is None:
            self.reply(404, headers={"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
            return
        siblings = []
        for name, file in self.hub.repos[repo][commit].items():
            entry = {"rfilename": name, "size": len(file.content), "blobId": git_oid(file.content)}
            if file.lfs:
                pointer = b"version https://git-lfs.github.com/spec/v1\n"
                entry.update(blobId=git_oid(pointer), lfs={"sha256": file.etag, "size": len(file.content),
                                                           "pointerSize": len(pointer)})
            siblings.append(entry)
        document = {"_id": "0" * 24, "id": repo, "modelId": repo, "private": False, "gated": repo in self.hub.gated,
                    "tags": ["text-classification"], "sha": commit, "siblings": siblings}
        document.update(fault.get("document", {}))
        body = fault.get("body", json.dumps(document).encode())
        self.reply(200, body, {"Content-Type": "application/json"}, fault)

    def answer_resolve(self, repo, revision, name, fault):
        if not self.may_download(repo):
            return
        commit = self.hub.commit_of(repo, revision)
        file = commit and self.hub.repos[repo][commit].get(name)
        if not file:
            self.reply(404, headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        quoted = urllib.parse.quote(name)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_oid(file.content)}"'}
        if file.lfs:
            signature = self.hub.new_signature(file.etag)
            headers.update({"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content)),
                            "Location": f"{self.hub.cdn_url}/blobs/{file.etag}?signature={signature}"})
            self.reply(302, b"Found", headers, fault)
        else:
            headers["Location"] = f"/api/resolve-cache/models/{repo}/{commit}/{quoted}"
            self.reply(307, b"Temporary Redirect", headers, fault)

    def answer_git_file(self, repo, commit, name, fault):
        if not self.may_download(repo):
            return
        file = self.hub.repos[repo][commit][name]
        self.send_file(file.content, {"X-Repo-Commit": commit, "ETag": f'"{file.etag}"'}, file.etag, fault)

    def answer_cdn(self, path, fault):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        etag = path.rsplit("/", 1)[-1]
        if query.get("signature", [""])[0] not in self.hub.signatures.get(etag, ()):
            self.reply(403, b"AccessDenied")
            return
        content = self.hub.blob(etag)
        # A storage host's ETag is its own affair.
        own = hashlib.md5(content).hexdigest()
        self.send_file(content, {"ETag": f'"{own}"'}, own, fault)

    def send_file(self, content, headers, etag, fault):
        """A file or the part of it that Range asks for (RFC 9110, section 14)."""
        headers["Accept-Ranges"] = "bytes"
        asked = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        if asked and not fault.get("no_ranges") and condition in (None, f'"{etag}"'):
            start = int(asked.removeprefix("bytes=").split("-")[0])
            if start >= len(content):
                self.reply(416, headers={"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.reply(206, content[start:], headers, fault)
        else:
            self.reply(200, content, headers, fault)


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that are killed, and certificates that are not believed, are what the tests are about."""


class HubServer:
    """with HubServer() as hub: hub.add("org/name", {"config.json": File(b"...")})."""

    def __init__(self, certificate=None):
        """`certificate`: a PEM file with certificate and key. Then the hub, not its CDN, speaks https."""
        self.repos, self.branches, self.tokens, self.gated = {}, {}, {}, set()
        self.log, self.faults, self.signatures = [], [], {}
        self.lock = threading.Lock()
        self.servers = []
        for side in ("hub", "cdn"):
            server = QuietServer(("127.0.0.1", 0), Handler)
            server.hub, server.side = self, side
            self.servers.append(server)
        self.url, self.cdn_url = (f"http://127.0.0.1:{server.server_port}" for server in self.servers)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.servers[0].socket = context.wrap_socket(self.servers[0].socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    def __enter__(self):
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def add(self, repo, files, branch="main", token=None, gated=False):
        """A new commit on a branch; returns its id."""
        text = json.dumps([repo, branch, sorted((name, file.etag) for name, file in files.items())])
        commit = hashlib.sha1(text.encode()).hexdigest()
        self.repos.setdefault(repo, {})[commit] = files
        self.branches[repo, branch] = commit
        if token:
            self.tokens[repo] = token
        if gated:
            self.gated.add(repo)
        return commit

    def commit_of(self, repo, revision):
        if revision in self.repos.get(repo, {}):
            return revision
        return self.branches.get((repo, revision))

    def blob(self, etag):
        return next(file.content for commits in self.repos.values() for files in commits.values()
                    for file in files.values() if file.etag == etag)

    def new_signature(self, etag):
        with self.lock:
            signature = f"s{len(self.log)}"
            self.signatures.setdefault(etag, set()).add(signature)
        return signature

    def fault(self, where, side="hub", method=None, **what):
        self.faults.append(Fault(where, side, method, **what))

    def take_fault(self, side, method, path):
        for fault in self.faults:
            if fault.side == side and fault.where in path and fault.method in (None, method):
                if not fault.what.get("forever"):
                    self.faults.remove(fault)
                return fault.what
        return None

    def requests(self, side=None, method=None):
        with self.lock:
            return [entry for entry in self.log if side in (None, entry[0]) and method in (None, entry[1])]
