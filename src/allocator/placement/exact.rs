//! Exact.
#[derive(Debug, Default)]
pub struct NoiseAware;
impl super::PlacementStrategy for NoiseAware {
    fn place(&mut self, _r: &super::PlacementRequest<'_>) -> super::Placed {
        super::Placed {
            outcome: super::PlacementOutcome::ProvedInfeasible,
            steps: 0,
        }
    }
}
