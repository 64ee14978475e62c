//! Why nothing was enrolled, and with which exit code that ends.

use super::request::Misuse;
use super::unfit::Unfit;
use crate::cli::Exit;
use crate::explain::Explain;
use crate::external::quote::Inexpressible;
use crate::shares::home::HomeError;
use crate::shares::{ShareError, SplitRefusal};

/// An error with its exit code, or an exit whose reason was told already.
pub(super) enum Failure {
    /// To be told.
    Error(Box<dyn Explain>, Exit),
    /// Told.
    Told(Exit),
}

impl From<Misuse> for Failure {
    fn from(error: Misuse) -> Self {
        Self::Error(Box::new(error), Exit::Usage)
    }
}

impl From<ShareError> for Failure {
    fn from(error: ShareError) -> Self {
        Self::Error(Box::new(error), Exit::Config)
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::Error(Box::new(error), Exit::Failed)
    }
}

impl From<SplitRefusal> for Failure {
    fn from(error: SplitRefusal) -> Self {
        Self::Error(Box::new(error), Exit::Failed)
    }
}

impl From<Inexpressible> for Failure {
    fn from(error: Inexpressible) -> Self {
        Self::Error(Box::new(error), Exit::Usage)
    }
}

impl From<Unfit> for Failure {
    fn from(error: Unfit) -> Self {
        Self::Error(Box::new(error), Exit::Failed)
    }
}
