//! The way to the TPM.

use super::failure::{Failure, told};
use std::fs::File;
use std::io::ErrorKind;
use tss_esapi::Context;
use tss_esapi::tcti_ldr::TctiNameConf;
use vault_unseal::external::error;
use vault_unseal::shares::tpm::TpmTrouble;

/// Opens the connection. Dropping the context flushes every session and key that it made.
pub(crate) fn connect(tcti: &str) -> Result<Context, Failure> {
    let parsed: TctiNameConf = tcti.parse().map_err(|_| {
        Failure::new(TpmTrouble::Absent, format!("{tcti:?} is no way to a TPM that is known here"))
    })?;
    Context::new(parsed).map_err(|error| {
        let Some(path) = device(tcti) else {
            return Failure::new(TpmTrouble::Absent, format!("there is no TPM at {tcti}: {}", told(error)));
        };
        // libtss2 does not say why; the kernel does.
        match File::options().read(true).write(true).open(path).map_err(|error| (error.kind(), error)) {
            Err((ErrorKind::NotFound, _)) => {
                Failure::new(TpmTrouble::Absent, format!("there is no TPM: {path} does not exist"))
            }
            Err((ErrorKind::PermissionDenied, error)) => Failure::new(
                TpmTrouble::Permission,
                format!("{path} cannot be opened: {}", error::io(&error)),
            ),
            Err((ErrorKind::ResourceBusy, error)) => {
                Failure::new(TpmTrouble::Busy, format!("{path} is in use: {}", error::io(&error)))
            }
            Err((_, error)) => {
                Failure::new(TpmTrouble::Absent, format!("{path} cannot be opened: {}", error::io(&error)))
            }
            Ok(_) => Failure::new(TpmTrouble::Absent, format!("there is no TPM at {path}: {}", told(error))),
        }
    })
}

fn device(text: &str) -> Option<&str> {
    let path = text.strip_prefix("device")?;
    Some(path.strip_prefix(':').filter(|path| !path.is_empty()).unwrap_or("/dev/tpm0"))
}
