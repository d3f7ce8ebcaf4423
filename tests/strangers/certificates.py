"""Certificates for one scenario, by openssl: an authority, the switch's, a peer's.

Not here: who shows which (server.py, phones.py).
"""

import subprocess


def openssl(folder, *arguments):
    """Runs openssl in the folder; fails with what it said."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)


class Authority:
    """Issues certificates into a folder of its own."""

    def __init__(self, folder):
        self.folder = folder / "certificates"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        openssl(self.folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=Strangers' authority", "-keyout", "ca.key", "-out", "ca.pem")

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost"):
        """A certificate for these names: its file and its key's."""
        openssl(self.folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(
            f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "30", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"
