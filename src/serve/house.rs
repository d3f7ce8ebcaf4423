//! The nodes that share a Redis, as the store keeps them: the list that the ledger asks for.
//!
//! What a part is, and when it is laid, is the ledger's to know.

use actors::clock::Clock;
use domain::CompanyId;
use ledger::redis::{House, Member, Members};
use std::path::Path;
use std::sync::Arc;
use store::{Node, Store};

/// The house of a store, as the node of this name sees it.
pub(crate) struct StoreHouse {
    pub(crate) store: Arc<Store>,
    pub(crate) name: String,
    pub(crate) clock: Clock,
}

pub(crate) fn member_of(node: Node) -> Member {
    Member { node: node.id, name: node.name, journal: node.journal }
}

fn said(error: store::Error) -> String {
    error.to_string()
}

impl House for StoreHouse {
    fn id(&self) -> Result<String, String> {
        self.store.house().map_err(said)
    }

    fn register(&self, node: &str, journal: &Path) -> Result<(), String> {
        // Other processes may have another working directory.
        let path = std::path::absolute(journal).map_err(|error| format!("{}: {error}", journal.display()))?;
        self.store.register_node(node, &self.name, &path, self.clock.now().wall).map_err(said)
    }

    fn enrol(&self, node: &str, companies: &[CompanyId]) -> Result<(), String> {
        self.store.enrol_node(node, companies).map_err(said)
    }

    fn members(&self, company: CompanyId) -> Result<Members, String> {
        let nodes: Vec<Member> =
            self.store.nodes_of_company(company).map_err(said)?.into_iter().map(member_of).collect();
        Ok(Members { version: nodes.len() as u64, nodes })
    }

    fn companies(&self, node: &str) -> Result<Vec<CompanyId>, String> {
        self.store.companies_of_node(node).map_err(said)
    }

    fn nodes(&self) -> Result<Vec<Member>, String> {
        Ok(self.store.nodes().map_err(said)?.into_iter().map(member_of).collect())
    }
}
