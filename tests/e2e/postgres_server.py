"""A PostgreSQL server of a test's own: in a temporary folder, reached by a Unix socket."""
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path


def programs():
    """Debian keeps them out of PATH; the newest version there is, or nothing."""
    found = sorted(path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1] if found else None


class PostgresServer:
    """with PostgresServer() as server: server.address, server.stop() as after a crash, server.start(), server.query(sql)."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="valence-pg-"))
        self.as_user = []
        if os.geteuid() == 0:  # it refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.folder.chmod(0o755)
            self.as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self.run("initdb", "-D", self.folder / "data", "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                 "--no-sync")
        self.start()
        self.run("createdb", "-h", self.folder, "-U", "tester", "history")
        return self

    def __exit__(self, *_):
        subprocess.run([*self.as_user, programs() / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop"],
                       cwd="/", capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, program, *arguments):
        done = subprocess.run([*self.as_user, programs() / program, *map(str, arguments)], cwd="/", text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{program}: {done.stdout}")
        return done.stdout

    @property
    def address(self):
        return f"postgresql://tester@/history?host={self.folder}"

    def start(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "server.log", "-o",
                 f"-c listen_addresses='' -k {self.folder}", "start")

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def query(self, sql):
        return self.run("psql", "-h", self.folder, "-U", "tester", "-At", "-c", sql, "history").strip()
