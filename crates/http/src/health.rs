//! Is the process alive, and can it serve? For load balancers and service managers.

use crate::model::Health;
use crate::problem::Problem;
use crate::route::{Ask, Reply};

/// `GET /healthz`: the process answers.
pub(crate) async fn alive(_: Ask) -> Result<Reply, Problem> {
    Reply::ok(&Health { status: "ok".to_owned() })
}

/// `GET /readyz`: the database answers too.
pub(crate) async fn ready(ask: Ask) -> Result<Reply, Problem> {
    ask.house.is_founded().await?;
    Reply::ok(&Health { status: "ok".to_owned() })
}
