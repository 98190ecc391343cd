"""What a prior promises: a distribution over the legal actions of any state, and no trace in the game."""

from __future__ import annotations

from random import Random

import numpy as np

from autopart.search import MCTS, Budget, Game, Goals, Minimise, Prior
from autopart.testing.games import ChainOfGroups

_WALKS, _STEPS = 5, 8


class PriorConformance:
    """Tests of a prior; derive from it and write ``make``, and ``game`` if it is for games of some kind only."""

    def game(self) -> Game:
        """A game of its own at the root; by default a small abstract one."""
        return ChainOfGroups(seed=5, groups=3, size=4).game()

    def make(self, game: Game) -> Prior:
        """The prior to test, for a game at its root."""
        raise NotImplementedError

    def test_shares_are_a_distribution_in_any_state(self) -> None:
        """One for each action, positive, together 1."""
        game = self.game()
        prior, random = self.make(game), Random(0)
        for _ in range(_WALKS):
            played = 0
            for _ in range(_STEPS):
                actions = game.actions()
                if not actions:
                    break
                shares = np.asarray(prior(game, actions))
                assert shares.shape == (len(actions),)
                assert np.all(shares > 0), f"{prior!r} gives an action no share"
                assert abs(float(shares.sum()) - 1.0) < 1e-6
                game.apply(random.choice(actions))
                played += 1
            for _ in range(played):
                game.undo()

    def test_one_action_has_all(self) -> None:
        """A share of 1."""
        game = self.game()
        np.testing.assert_allclose(self.make(game)(game, game.actions()[:1]), [1.0])

    def test_the_game_stays_as_it_is(self) -> None:
        """State and legal actions, and the shares when asked again."""
        game = self.game()
        prior = self.make(game)
        game.apply(game.actions()[0])
        key, actions = game.key(), list(game.actions())
        first = np.array(prior(game, actions))
        assert (game.key(), list(game.actions())) == (key, actions)
        np.testing.assert_array_equal(prior(game, actions), first)
        game.undo()

    def test_a_search_takes_it(self) -> None:
        """And does the same with it twice."""
        found = []
        for _ in range(2):
            game = self.game()
            goals = Goals([Minimise(game.metric_names[-1])], game.metric_names)
            found.append(MCTS(seed=3, prior=self.make(game)).run(game, goals, Budget(simulations=40)).best_actions)
        assert found[0] == found[1]
