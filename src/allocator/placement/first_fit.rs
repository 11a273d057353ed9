//! First fit.
#[derive(Debug, Default)]
pub struct FirstFit;
impl super::PlacementStrategy for FirstFit {
    fn place(&mut self, _r: &super::PlacementRequest<'_>) -> super::Placed {
        super::Placed {
            outcome: super::PlacementOutcome::ProvedInfeasible,
            steps: 0,
        }
    }
}
