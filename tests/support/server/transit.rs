//! A server that others unseal themselves with, by its transit engine.

use serde_json::json;

use super::{Builder, Server};

/// It, with a key for them.
pub(super) struct Transit {
    server: Server,
    token: String,
}

impl Transit {
    pub(super) fn start() -> Self {
        let server = Builder::new().with_engines().start();
        let init = server.init(1, 1);
        server.unseal(&init);
        let token = init.root_token;
        for (path, body) in
            [("/v1/sys/mounts/transit", json!({"type": "transit"})), ("/v1/transit/keys/unseal", json!({}))]
        {
            server.ask(&token, "POST", path, &body);
        }
        Self { server, token }
    }

    /// What their configuration says.
    pub(super) fn stanza(&self) -> String {
        format!(
            "seal \"transit\" {{\n  address = \"{}\"\n  token = \"{}\"\n  key_name = \"unseal\"\n  \
             mount_path = \"transit/\"\n  disable_renewal = \"true\"\n}}\n",
            self.server.url(),
            self.token
        )
    }
}
