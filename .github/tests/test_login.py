"""Who logs in where, with stand-ins for aws and docker."""

from test_scripts import DIGEST, Scripts


class Login(Scripts):
    def setUp(self):
        super().setUp()
        self.stand_in("aws", "echo of-the-role")
        self.stand_in("docker", f'cat > "{self.folder}/password"')

    def password(self):
        return (self.folder / "password").read_text().strip()

    def test_the_role_logs_in_to_ecr(self):
        registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
        self.passes("login", f"{registry}/contact-manager@{DIGEST}", REGISTRY_USER="", REGISTRY_TOKEN="")
        self.assertIn(f"docker login --username AWS --password-stdin {registry}", self.calls())
        self.assertEqual(self.password(), "of-the-role")

    def test_a_token_logs_in_to_any_other_registry(self):
        self.passes("login", "docker.io/example/contact-manager", REGISTRY_USER="example", REGISTRY_TOKEN="t0ken")
        self.assertEqual(self.calls(), ["docker login --username example --password-stdin docker.io"])
        self.assertEqual(self.password(), "t0ken")

    def test_a_token_that_is_not_set_is_named(self):
        done = self.run_script("login", "docker.io/example/contact-manager", REGISTRY_USER="example", REGISTRY_TOKEN="")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("REGISTRY_TOKEN", done.stderr)
        self.assertEqual(self.calls(), [])
