import numpy as np
import pytest

from warpmarks.datasets.synthetic import POINT_NAMES, render, visible_surface
from warpmarks.datasets.synthetic.anatomy import Material, Solid
from warpmarks.datasets.synthetic.draws import Draws
from warpmarks.datasets.synthetic.geometry import SpatialPose, ellipsoid, leaf, rotation
from warpmarks.datasets.synthetic.scene import SKIN, draw_scene
from warpmarks.datasets.synthetic.textures import LATTICE, colour, noise_lattice, solid_noise
from warpmarks.datasets.synthetic.visible_surface import depth_at, find_visible_surface


def scene_of(instance):
    return draw_scene(Draws(np.random.default_rng([0, instance])))


def is_inside(solids, points):
    """By the definition of an ellipsoid, without rays: |q| < 1 for all parts of some solid."""
    inside = np.zeros(len(points), bool)
    for solid in solids:
        inside |= np.all(
            [
                np.linalg.norm(
                    np.linalg.solve(part.axes * part.radii, (points - part.centre).T), axis=0
                )
                < 1
                for part in solid.parts
            ],
            axis=0,
        )
    return inside


def march(solids, x, y, stop, step=0.002):
    """Walk from the viewer to depth ``stop``; the depth of the first solid met, or None."""
    z = np.arange(2.5, stop, -step)
    inside = is_inside(solids, np.stack([np.full(z.size, x), np.full(z.size, y), z], axis=1))
    return z[inside.argmax()] if inside.any() else None


def test_visibility_agrees_with_walking_along_the_ray():
    hidden = 0
    for instance in (2, 5, 20, 32, 88, 118, 199):
        scene = scene_of(instance)
        for point, visible, name in zip(scene.points, scene.visible, POINT_NAMES, strict=True):
            stop = point[2] + SKIN * scene.head.scale
            # Between clearly in front and clearly behind the tolerance either answer may be given.
            surface = float(depth_at(scene.solids, point[:1], point[1:2])[0])
            if abs(surface - stop) < 0.003:
                continue
            met = march(scene.solids, *point[:2], stop)
            assert visible == (met is None), (instance, name)
            hidden += not visible
    assert hidden >= 5


def test_named_points_lie_on_the_surface_of_their_feature():
    materials = {
        "left eye": Material.EYE,
        "right eye": Material.EYE,
        "nose tip": Material.NOSE,
        "left mouth corner": Material.MUZZLE,
        "chin": Material.FLESH,
        "right ear tip": Material.EAR,
        "left ear base": Material.EAR,
    }
    for instance in range(12):
        scene = scene_of(instance)
        for name, material in materials.items():
            point = scene.points[POINT_NAMES.index(name)]
            levels = [
                max(
                    np.linalg.norm(np.linalg.solve(part.axes * part.radii, point - part.centre))
                    for part in solid.parts
                )
                for solid in scene.solids
                if solid.material == material
            ]
            assert np.abs(np.array(levels) - 1).min() < 1e-9, name


def test_depth_is_where_the_ray_first_enters():
    axes = rotation(yaw=30, pitch=-20, roll=50)
    solids = [
        Solid(Material.FLESH, (ellipsoid(np.array([0.1, -0.2, 0.3]), (0.5, 0.3, 0.2), axes),)),
        Solid(Material.EAR, leaf(np.array([0.0, 0.1, 0.5]), 0.2, 0.6, 0.1, axes, 0.5)),
    ]
    x, y = np.array([0.1, 0.05, -0.1, 0.9]), np.array([-0.2, 0.2, 0.05, 0.9])
    depth = depth_at(solids, x, y)
    assert depth[3] == -np.inf
    for index in range(3):
        met = march(solids, x[index], y[index], -2.0, step=0.001)
        assert depth[index] - 0.0015 < met <= depth[index] + 1e-6


def test_a_leaf_ends_at_its_tips_and_is_as_wide_as_asked():
    centre, axes = np.array([0.3, 0.1, -0.2]), rotation(yaw=10, pitch=20, roll=-40)
    solid = Solid(Material.EAR, leaf(centre, 0.2, 0.7, 0.1, axes, 0.5))
    for direction, length in ((axes[:, 1], 0.7), (axes[:, 0], 0.2), (axes[:, 2], 0.1)):
        for sign in (-1, 1):
            ends = centre + np.array([[0.999], [1.001]]) * (sign * length * direction)
            np.testing.assert_array_equal(is_inside([solid], ends), [True, False])


def test_turns_go_where_their_names_say():
    forward, up = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
    half, root = np.sin(np.radians(30)), np.cos(np.radians(30))
    # The angle itself is only good to a short series, about 1e-5 here.
    np.testing.assert_allclose(rotation(yaw=30) @ forward, [half, 0, root], atol=1e-4)
    np.testing.assert_allclose(rotation(pitch=30) @ forward, [0, half, root], atol=1e-4)
    np.testing.assert_allclose(rotation(roll=30) @ up, [half, -root, 0], atol=1e-4)
    every = rotation(25, -40, 70)
    np.testing.assert_allclose(
        every, rotation(roll=70) @ rotation(pitch=-40) @ rotation(yaw=25), atol=1e-12
    )
    np.testing.assert_allclose(every @ every.T, np.eye(3), atol=1e-12)


def test_a_pose_moves_surfaces_and_points_alike():
    shape = ellipsoid(np.array([0.2, -0.1, 0.4]), (0.5, 0.3, 0.2))
    pose = SpatialPose(rotation(20, -35, 15), 0.6, np.array([0.1, 0.3, 0.0]))
    moved = shape.placed(pose)
    np.testing.assert_allclose(moved.surface(1, 2, -1), pose(shape.surface(1, 2, -1)), atol=1e-12)
    assert moved.level(pose(shape.surface(0.3, -1, 2))) == pytest.approx(1)


def test_samples_stand_for_whole_pixels():
    scene = scene_of(8)
    surface = find_visible_surface(scene.solids, 24)
    cover = np.bincount(surface.pixels, surface.coverage, 24 * 24)
    assert set(np.unique(cover)) <= {0, 0.25, 0.5, 0.75, 1}
    solid_at_centre = np.array(
        [
            depth_at(scene.solids, np.array([x]), np.array([y]))[0] > -np.inf
            for y in (2 * np.arange(24) + 1) / 24 - 1
            for x in (2 * np.arange(24) + 1) / 24 - 1
        ]
    )
    assert solid_at_centre[cover == 1].mean() > 0.99
    assert not solid_at_centre[cover == 0].any()
    for fragment in surface.fragments:
        position = surface.position[:, fragment.where]
        q = np.linalg.solve(
            fragment.part.axes * fragment.part.radii, position - fragment.part.centre[:, None]
        )
        # On the surface, but for the few samples put at the middle of four.
        assert np.median(np.abs((q**2).sum(axis=0) - 1)) < 0.05


def test_painting_plain_pixels_once_hardly_shows(monkeypatch):
    quick = render(6, size=64).image.astype(float)
    monkeypatch.setattr(visible_surface, "DETAILED", tuple(Material))
    thorough = render(6, size=64).image.astype(float)
    assert not np.array_equal(quick, thorough)
    assert np.abs(quick - thorough).mean() < 1  # of 255


def test_solid_noise_is_interpolated_between_its_lattice_corners():
    lattice = noise_lattice(Draws(np.random.default_rng(1)))
    points = np.random.default_rng(2).uniform(-9, 30, (3, 40)).astype(np.float32)
    expected = []
    for point in 0.7 * points.T.astype(float):
        low = np.floor(point).astype(int)
        t = point - low
        weight = t * t * (3 - 2 * t)
        total = 0.0
        for corner in np.ndindex(2, 2, 2):
            share = np.prod([w if c else 1 - w for c, w in zip(corner, weight, strict=True)])
            total += share * lattice[*((low + corner) % LATTICE), 0]
        expected.append(total)
    np.testing.assert_allclose(solid_noise(lattice, points, 0.7), expected, atol=1e-4)


def test_colours_are_linear_light():
    np.testing.assert_allclose(colour(0.0, 1.0, 1.0), [1, 0, 0])
    np.testing.assert_allclose(colour(1 / 3, 1.0, 0.5), [0, 0.25, 0], atol=1e-12)
    np.testing.assert_allclose(colour(0.7, 0.0, 0.5), [0.25] * 3)
